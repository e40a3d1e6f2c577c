"""The application: the route table, and what holds for all of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route as AppRoute

from qrsession.errors import StorageError
from qrsession.local.api import (
    backends,
    discovery,
    iam,
    instances,
    jobs,
    scenes,
    sessions,
    workloads,
)
from qrsession.local.api.edge import Edge, http_exception
from qrsession.local.config import API_PREFIXES, RuntimeConfig
from qrsession.local.devices.device import Device
from qrsession.local.lanes.lane import JobLane
from qrsession.local.process.daemon import CHALLENGE_PATH
from qrsession.local.runtime import Runtime
from qrsession.protocol import routes
from qrsession.protocol.routes import API_PREFIX, Route

# IBM's own list, where it has routes that our client does not use.
_GET_DEFAULTS = Route("GET", "/backends/{backend}/defaults")
_GET_INSTANCE_CONFIGURATION = Route("GET", "/instances/configuration")
_SET_INSTANCE_CONFIGURATION = Route("PUT", "/instances/configuration")

# The router tries them in this order, so those of a running job come first.
_ENDPOINTS = (
    (routes.GET_JOB, jobs.get_job),
    (routes.CREATE_JOB, jobs.create_job),
    (routes.GET_JOB_RESULTS, jobs.get_job_results),
    (routes.GET_SESSION, sessions.get_session),
    (routes.LIST_JOBS, jobs.list_jobs),
    (routes.DELETE_JOB, jobs.delete_job),
    (routes.CANCEL_JOB, jobs.cancel_job),
    (routes.GET_JOB_LOGS, jobs.get_job_logs),
    (routes.GET_JOB_METRICS, jobs.get_job_metrics),
    (routes.SET_JOB_TAGS, jobs.set_job_tags),
    (routes.SEARCH_TAGS, jobs.search_tags),
    (routes.CREATE_SESSION, sessions.create_session),
    (routes.CLOSE_SESSION, sessions.close_session),
    (routes.CANCEL_SESSION, sessions.cancel_session),
    (routes.LIST_BACKENDS, backends.list_backends),
    (routes.GET_BACKEND_STATUS, backends.get_status),
    (routes.GET_BACKEND_CONFIGURATION, backends.get_configuration),
    (routes.GET_BACKEND_PROPERTIES, backends.get_properties),
    (_GET_DEFAULTS, backends.get_defaults),
    (routes.GET_USAGE, instances.get_usage),
    (routes.GET_INSTANCE, instances.get_instance),
    (_GET_INSTANCE_CONFIGURATION, instances.get_instance_configuration),
    (_SET_INSTANCE_CONFIGURATION, instances.set_instance_configuration),
    (routes.GET_ACCOUNT, instances.get_account),
    (routes.LIST_WORKLOADS, workloads.list_workloads),
    (routes.VERSIONS, iam.list_versions),
)


def create_app(
    config: RuntimeConfig, lanes: Sequence[JobLane], devices: Mapping[str, Device]
) -> Starlette:
    """Make the application of one runtime.

    It serves before its lanes are warm. ``app.state.runtime.changes.release_all()`` lets held
    requests go, so that a server that is told to stop need not wait for them.
    ``app.state.start_error`` is what kept it from starting.

    Raises:
        StorageError: The database cannot be used.
    """
    runtime = Runtime.build(config, lanes, devices)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            runtime.start()
        except StorageError as error:
            # The server says no more than that it did not start.
            app.state.start_error = error
            raise
        try:
            yield
        finally:
            await runtime.stop()

    app = Starlette(
        routes=_route_table(),
        middleware=[Middleware(Edge, runtime=runtime)],
        exception_handlers={HTTPException: http_exception},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.runtime = runtime
    app.state.start_error = None
    return app


def _route_table() -> list[AppRoute]:
    table = [
        AppRoute(prefix + route.template, endpoint, methods=[route.method])
        for prefix in API_PREFIXES
        for route, endpoint in _ENDPOINTS
    ]
    table.append(AppRoute(routes.TOKEN_PATH, iam.create_token, methods=["POST"]))
    table.append(
        AppRoute(routes.SEARCH_RESOURCES.template, discovery.search_resources, methods=["POST"])
    )
    # By the form of its id: any other word below the prefix is a path that does not exist.
    table.append(
        AppRoute(f"{API_PREFIX}/{{plan_id:uuid}}", discovery.get_catalog_entry, methods=["GET"])
    )
    table.append(AppRoute(CHALLENGE_PATH, iam.answer_challenge, methods=["GET"]))
    table += [
        AppRoute(scenes.SCENARIO_PATH, scenes.get_scenario, methods=["GET"]),
        AppRoute(scenes.SCENARIO_PATH, scenes.put_scenario, methods=["PUT"]),
        AppRoute(scenes.SCENARIO_PATH, scenes.post_scenario, methods=["POST"]),
        AppRoute(scenes.SCENARIO_PATH, scenes.delete_scenario, methods=["DELETE"]),
        AppRoute(scenes.RESET_PATH, scenes.post_reset, methods=["POST"]),
    ]
    return table
