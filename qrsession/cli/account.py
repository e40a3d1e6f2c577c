"""``qrsession account``: the accounts that services are reached with."""

from qrsession.cli.account_check import check

COMMANDS = {"check": check}
