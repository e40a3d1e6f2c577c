"""Bounds of what the API takes, known to whoever checks before sending. Source: API reference.

Those that are our own say so.
"""

MOST_TAGS = 8
LONGEST_TAG = 86
LONGEST_COST_S = 10_800
DEFAULT_MAX_TTL_S = 28_800
LARGEST_MAX_TTL_S = 2**31 - 1
# Our own, of a circuit and of a register of its results: more than any simulator takes.
MOST_CLBITS = 1_000_000
