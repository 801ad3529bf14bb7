"""Ask a service for object storage, with retries for temporary errors."""

from collections.abc import Callable
from typing import TypeVar

from obstore.exceptions import BaseError

from integration_center.insights.drop_folders.object_errors import Service, build_error
from integration_center.remote import SERVICE_POLICY

Answer = TypeVar("Answer")


def ask(request: Callable[[], Answer], place: str, service: Service) -> Answer:
    """Return the answer to a request. The library's errors become ours.

    Args:
        request: makes the request. The library must not retry, because this function retries, visibly.
        place: the requested address, without secrets.
        service: the cloud.

    Raises:
        AccessRefused: the credentials are missing, wrong, or not sufficient.
        ConfigurationError: there is no such bucket, or it is in another region.
        TransientError: the service does not answer.
    """

    def ask_once() -> Answer:
        try:
            return request()
        except BaseError as error:
            raise build_error(error, place, service) from None

    return SERVICE_POLICY.retry(ask_once)()
