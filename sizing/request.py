"""A request as values, and the canonical text and name that stand for it."""

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
        count: 1 to 1000.
        microbytes: The size of one adapter, in millionths of a byte.
        rank: The LoRA rank that the size was computed from, if any. Not compared.
        targets: The target modules of that rank. Not compared.
    """

    count: int
    microbytes: int
    rank: int | None = field(default=None, compare=False)
    targets: str | None = field(default=None, compare=False)

    @property
    def size(self) -> str:
        """The size of one adapter in its canonical unit: ``128MB``."""
        return "".join(units.size_parts(self.microbytes))

    @property
    def typed(self) -> str:
        """The group as a request writes it: ``4x128MB``, or ``4xr16:qv`` if it was given by rank."""
        if self.rank is None:
            return f"{self.count}x{self.size}"
        return f"{self.count}xr{self.rank}" + (
            f":{self.targets}" if self.targets not in (None, "all") else ""
        )

    @property
    def gb(self) -> str:
        """The exact size of one adapter in gigabytes: ``0.125``."""
        return units.gb_text(self.microbytes * units.TICKS_PER_MICROBYTE)


class SizingRequest(BaseModel):
    """A request that can be sized: base model, adapters, method and options.

    Requests are compared by value. How they were spelled and what was assumed does not matter.

    Args:
        params: Parameters of the base model, 1 million to 10 trillion.
        model: Canonical name in the model table, or None if a parameter count was given.
        params_are: Where ``params`` comes from: typed, or as in ``models.ParamsAre``.
        method: Name of a row of the sizing table.
        method_word: The method as typed, in lower case, or None if the default was used.
        adapters: Largest size first, each size once. Empty for the base model alone.
        space: Deployment space as typed, or None for the default space.
        name: Name of the specification as typed, or None to derive it.
        assumptions: What was not typed and had to be assumed, as short phrases.
        shapes: Layer shapes read from a ``config.json``. Not compared; those of a named model are in the table.
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
        """Whether the base model's weights have fewer than 16 bits."""
        return METHODS[self.method].quantized

    @property
    def model_text(self) -> str:
        """The base model in canonical form: ``10b``, ``llama-3.1-8b``."""
        return self.model or units.params_text(self.params)

    @property
    def canonical(self) -> str:
        """The canonical text of these values: ``10b 2x128MB qlora4``."""
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
        """The name of the hardware specification: as typed, or derived from the content."""
        return self.name_for(None)

    def name_for(self, use_gpus: int | None) -> str:
        """Name the hardware specification.

        Args:
            use_gpus: The number of GPUs that overrides the computed one, or None.

        Returns:
            At most 64 of the characters ``a-z 0-9 _ -`` (a typed name keeps its capitals). Each ``use_gpus`` of a
            request gives another name.
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
        """Return the request with another method. A typed name is dropped: it was meant for the original."""
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
        """Return what is compared."""
        return (self.params, self.model, self.method, self.adapters, self.gpu_gb, self.space, self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SizingRequest):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())
