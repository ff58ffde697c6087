"""Exact sizing by the published formula: from a request text to a breakdown and a hardware specification.

>>> from sizing import size, spec_for
>>> needs = size("10b 2x128MB qlora4")
>>> needs.gpu_memory_gb_exact, needs.gpu_memory_gb, needs.num_gpus
('7.875', 8, 1)
>>> spec_for(needs.request, needs).body()["nodes"]
{'cpu': {'units': '2'}, 'mem': {'size': '8Gi'}, 'gpu': {'num_gpu': 1}}
"""

from sizing.advice import Advice, Row, Warning_, advise
from sizing.answer import answer_json, result_json
from sizing.config_file import read as read_config
from sizing.deployment import Deployment, adapter_deployment, base_deployment
from sizing.errors import ConfigError, SizingError
from sizing.estimate import Estimate, contradiction, explain
from sizing.formula import Breakdown, Term, size
from sizing.models import model_names
from sizing.parsing.extract import extract
from sizing.parsing.grammar import parse, split_purpose
from sizing.parsing.search import Found, search
from sizing.payload import HardwareSpec, canonical_json, digest, spec_for
from sizing.request import AdapterGroup, SizingRequest

__all__ = [
    "AdapterGroup",
    "Advice",
    "Breakdown",
    "ConfigError",
    "Deployment",
    "Estimate",
    "Found",
    "HardwareSpec",
    "Row",
    "SizingError",
    "SizingRequest",
    "Term",
    "Warning_",
    "adapter_deployment",
    "advise",
    "answer_json",
    "base_deployment",
    "canonical_json",
    "contradiction",
    "digest",
    "explain",
    "extract",
    "model_names",
    "parse",
    "read_config",
    "result_json",
    "search",
    "size",
    "spec_for",
    "split_purpose",
]
