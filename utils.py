"""The public face of the package: chat API calls and YAML config, for your own scripts too.

    from pathlib import Path
    from utils import chat_completion, read_model_config

    model = read_model_config(Path("config/api_config.yaml"), "gpt-6-luna")
    messages = [{"role": "user", "content": "Hello"}]
    reply = chat_completion(model, messages, temperature=0, max_tokens=100)
    print(reply.text)

`chat_completion` retries, shares the load between the endpoints of an entry, and raises
`CompletionError` with its cause if no retry helps. `check_model` finds a missing key or package
before the first call. `stopping` is the event that Ctrl-C sets in a run: no new call starts.
"""

from arena.base.errors import InputError
from arena.bench.config import AnswerConfig, JudgeConfig, read_answer_config, read_judge_config
from arena.chat.budget import stopping
from arena.chat.calls import chat_completion
from arena.chat.clients import check_model
from arena.chat.config import Endpoint, ModelConfig, read_model_config
from arena.chat.faults import CompletionError
from arena.chat.protocols import Completion, Message

__all__ = [
    "AnswerConfig",
    "Completion",
    "CompletionError",
    "Endpoint",
    "InputError",
    "JudgeConfig",
    "Message",
    "ModelConfig",
    "chat_completion",
    "check_model",
    "read_answer_config",
    "read_judge_config",
    "read_model_config",
    "stopping",
]
