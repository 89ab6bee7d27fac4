"""Chat templates of the field: those that packages carry, and three short ones by their source."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

SMOLLM2 = (  # HuggingFaceTB/SmolLM2-135M-Instruct, tokenizer_config.json (Apache-2.0)
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PHI_4 = (  # microsoft/phi-4, tokenizer_config.json (MIT)
    "{% for message in messages %}{% if (message['role'] == 'system') %}"
    "{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}"
    "{% elif (message['role'] == 'user') %}"
    "{{'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>'}}"
    "{% elif (message['role'] == 'assistant') %}"
    "{{'<|im_start|>assistant<|im_sep|>' + message['content'] + '<|im_end|>'}}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
CARRIED = [  # by trl, in trl/chat_templates
    *("qwen2_5", "qwen3", "qwen3_training", "qwen3_instruct_2507"),
    *("llama3", "llama3_1", "llama3_2", "gemma", "gemma3", "phi3", "phi3_5"),
    *("deepseekv3", "glm4moe", "lfm2", "cohere", "gptoss"),
]


def template(name: str) -> str:
    """The template of a family."""
    if name in ("mistral", "mixtral"):
        from llama_cpp import llama_chat_format

        return str(getattr(llama_chat_format, f"{name.upper()}_INSTRUCT_CHAT_TEMPLATE"))
    if name in ("smollm2", "phi4"):
        return {"smollm2": SMOLLM2, "phi4": PHI_4}[name]
    spec = find_spec("trl")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations)), "chat_templates")
    return (folder / f"{name}.jinja").read_text(encoding="utf-8")


FAMILIES = [*CARRIED, "mistral", "mixtral", "smollm2", "phi4"]
