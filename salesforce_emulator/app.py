"""The Salesforce half of the emulator as an ASGI application: all routes of one org."""

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from salesforce_emulator.admin import build_admin_routes
from salesforce_emulator.api import collections, composite, custom_fields, describe, rest
from salesforce_emulator.api.call import Handler
from salesforce_emulator.api.endpoint import Endpoint, answer_missing, answer_wrong_method
from salesforce_emulator.api.gateway import Gateway
from salesforce_emulator.bulk import ingest_api as bulk_ingest_api
from salesforce_emulator.bulk import query as bulk_query
from salesforce_emulator.oauth.oauth import build_oauth_routes
from salesforce_emulator.org.org import Org

_DATA_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "", rest.resources),
    ("GET", "/limits", rest.limits),
    ("GET", "/query", rest.query),
    ("GET", "/queryAll", rest.query_all),
    ("GET", "/query/{locator}", rest.query_more),
    ("GET", "/queryAll/{locator}", rest.query_more),
    ("GET", "/tooling/query", rest.query_tooling),
    ("POST", "/tooling/sobjects/CustomField", custom_fields.create_custom_field),
    ("GET", "/sobjects", describe.describe_global),
    ("GET", "/sobjects/{sobject}/describe", describe.describe_sobject),
    ("GET", "/sobjects/{sobject}", describe.basic_info),
    ("POST", "/sobjects/{sobject}", rest.create_record),
    ("GET", "/sobjects/{sobject}/{id}", rest.read_record),
    ("PATCH", "/sobjects/{sobject}/{id}", rest.update_record),
    ("DELETE", "/sobjects/{sobject}/{id}", rest.delete_record),
    ("PATCH", "/sobjects/{sobject}/{field}/{value:path}", rest.upsert_record),
    ("POST", "/composite/sobjects", collections.create_records),
    ("PATCH", "/composite/sobjects", collections.update_records),
    ("DELETE", "/composite/sobjects", collections.delete_records),
    ("PATCH", "/composite/sobjects/{sobject}/{field}", collections.upsert_records),
    ("POST", "/composite", composite.composite),
    ("GET", "/jobs/ingest", bulk_ingest_api.list_jobs),
    ("POST", "/jobs/ingest", bulk_ingest_api.create_job),
    ("GET", "/jobs/ingest/{id}", bulk_ingest_api.poll),
    ("PATCH", "/jobs/ingest/{id}", bulk_ingest_api.change_state),
    ("DELETE", "/jobs/ingest/{id}", bulk_ingest_api.delete_job),
    ("PUT", "/jobs/ingest/{id}/batches", bulk_ingest_api.upload),
    ("GET", "/jobs/ingest/{id}/{kind}", bulk_ingest_api.results),
    ("GET", "/jobs/query", bulk_query.list_jobs),
    ("POST", "/jobs/query", bulk_query.create_job),
    ("GET", "/jobs/query/{id}", bulk_query.poll),
    ("PATCH", "/jobs/query/{id}", bulk_query.change_state),
    ("DELETE", "/jobs/query/{id}", bulk_query.delete_job),
    ("GET", "/jobs/query/{id}/results", bulk_query.results),
    ("GET", "/jobs/query/{id}/resultPages", bulk_query.result_pages),
)


def build_salesforce_app(org: Org) -> ASGIApp:
    """Return the application that serves an org."""
    routes: list[Route] = []
    for method, path, handler in _DATA_ROUTES:
        endpoint = Endpoint(org, handler, routes)
        # Clients differ in whether they end a resource's path with a slash.
        for ending in ("", "/"):
            routes.append(Route(f"/services/data/v{{version}}{path}{ending}", endpoint, methods=[method]))
    versions = Endpoint(org, rest.versions, routes, public=True)
    routes.extend(Route(f"/services/data{ending}", versions, methods=["GET"]) for ending in ("", "/"))
    app = Starlette(
        routes=[*build_oauth_routes(org), *build_admin_routes(org), *routes],
        exception_handlers={404: answer_missing, 405: answer_wrong_method},
    )
    app.router.redirect_slashes = False
    return Gateway(app, org)
