"""What somebody asked for, as values, and the one text and name that stand for it."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, InstanceOf

from sizing import units
from sizing.methods import DEFAULT, METHODS, MethodName
from sizing.models import ParamsAre
from sizing.shapes import Shapes

DEFAULT_GPU_GB = 80  # "1GPU = 80 GB" in the published table
NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class AdapterGroup:
    """Adapters of one size that are served together with the base model.

    Args:
        count: how many, 1 to 1000.
        microbytes: the size of one adapter in millionths of a byte.
        rank: the LoRA rank that the size was worked out from, if it was; no part of the value.
        targets: the target modules that the rank was meant for; no part of the value.
    """

    count: int
    microbytes: int
    rank: int | None = field(default=None, compare=False)
    targets: str | None = field(default=None, compare=False)

    @property
    def size(self) -> str:
        """The size of one adapter in its canonical unit: `128MB`."""
        return "".join(units.size_parts(self.microbytes))

    @property
    def typed(self) -> str:
        """The group as a text asks for it: `4x128MB`, or `4xr16:qv` where it was asked for by rank."""
        if self.rank is None:
            return f"{self.count}x{self.size}"
        return f"{self.count}xr{self.rank}" + (
            f":{self.targets}" if self.targets not in (None, "all") else ""
        )

    @property
    def gb(self) -> str:
        """The size of one adapter in gigabytes, exact: `0.125`."""
        return units.gb_text(self.microbytes * units.TICKS_PER_MICROBYTE)


class SizingRequest(BaseModel):
    """A sizable request: base model, adapters, method, and the options that were given.

    Two requests are equal when their values are; spelling and assumptions do not count.

    Args:
        params: parameters of the base model, 1 million to 10 trillion.
        model: canonical name of the table's model, None where a number was typed.
        params_are: where `params` comes from: typed, or how the table knows it (`models.ParamsAre`).
        method: row of the sizing table.
        method_word: the method as it was typed, lower case; None where the default was taken.
        adapters: groups, largest size first, each size once; empty for the base alone.
        gpu_gb: memory of one GPU in GB.
        space: deployment space as it was typed, or None for the default one.
        name: name of the spec as it was typed, or None for the derived one.
        assumptions: what was not typed and had to be assumed, one short phrase each.
        shapes: layer shapes that came from a `config.json`; no part of the value. A named model's are the table's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    params: int
    model: str | None = None
    params_are: Literal["typed"] | ParamsAre = "typed"
    method: MethodName = DEFAULT
    method_word: str | None = None
    adapters: tuple[AdapterGroup, ...] = ()
    gpu_gb: int = DEFAULT_GPU_GB
    space: str | None = None
    name: str | None = None
    assumptions: tuple[str, ...] = ()
    shapes: InstanceOf[Shapes] | None = Field(default=None, exclude=True)

    @property
    def quantized(self) -> bool:
        """Whether the base model's weights are narrower than 16 bits."""
        return METHODS[self.method].quantized

    @property
    def model_text(self) -> str:
        """The base model as the canonical text writes it: `10b`, `llama-3.1-8b`."""
        return self.model or units.params_text(self.params)

    @property
    def canonical(self) -> str:
        """The one text that stands for these values: `10b 2x128MB qlora4`."""
        groups = "+".join(f"{g.count}x{g.size}" for g in self.adapters) or "none"
        text = f"{self.model_text} {groups} {self.method}"
        if self.gpu_gb != DEFAULT_GPU_GB:
            text += f" gpu={self.gpu_gb}"
        if self.space is not None:
            text += f" space={self.space}"
        if self.name is not None:
            text += f" name={self.name}"
        return text

    @property
    def spec_name(self) -> str:
        """The name of the hardware specification: as typed, else derived from the content."""
        return self.name_for(None)

    def name_for(self, use_gpus: int | None) -> str:
        """Name the hardware specification, also where another number of GPUs is taken than computed.

        Args:
            use_gpus: the number of GPUs that overrides the computed one, or None.

        Returns:
            At most 64 of `a-z 0-9 _ -` (a typed name keeps its capitals); unlike for unlike payloads of a request.
        """
        if self.name is not None:
            name = self.name
        else:
            groups = "-".join(f"{g.count}x{g.size}" for g in self.adapters) or "none"
            name = f"peft-{self.model_text}-{self.method}-{groups}".lower().replace(".", "_")
            if self.gpu_gb != DEFAULT_GPU_GB:
                name += f"-gpu{self.gpu_gb}"
        if use_gpus is not None:
            name += f"-use{use_gpus}gpu"
        if len(name) <= NAME_LENGTH:
            return name
        content = self.canonical if use_gpus is None else f"{self.canonical} use={use_gpus}"
        return f"{name[:55].rstrip('-')}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    def with_method(self, method: str) -> "SizingRequest":
        """The same request in another row of the table; a typed name stays with the row it was typed for."""
        return SizingRequest(
            params=self.params,
            model=self.model,
            params_are=self.params_are,
            method=method,
            method_word=method,
            adapters=self.adapters,
            gpu_gb=self.gpu_gb,
            space=self.space,
            shapes=self.shapes,
        )

    def _values(self) -> tuple[object, ...]:
        """What makes two requests equal."""
        return (self.params, self.model, self.method, self.adapters, self.gpu_gb, self.space, self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SizingRequest):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())
