"""Training on more than one device: copies of the network that work as one, through tf.distribute.

Every step, each copy (replica) takes its rows of the same batch; gradients and batch norm's statistics are averaged
over all rows, so that the loss falls along the curve of one device with the whole batch. Keras 3's `fit` has an open
defect under several workers: the loop is the course's own.

    mirrored      all GPUs of this machine          multiworker   one process a machine, told of the others by TF_CONFIG
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.network import training

STRATEGIES = ("auto", "mirrored", "multiworker")
TIMEOUT = 120.0  # seconds that a worker waits for the others in one step
PACED = 10  # steps that are timed before the remaining time is told
EXAMPLE = """'{"cluster": {"worker": ["first:5000", "second:5000"]}, "task": {"type": "worker", "index": 0}}'"""


def choose(name: str, say: Callable[[str], None] = print) -> Any:
    """The tf.distribute strategy of that name, or None where one device does all; says what was found.

    Args:
        name: "auto": all GPUs, or else this machine's cores; "mirrored"; "multiworker".

    Raises:
        HtrError: an unknown name, no TF_CONFIG for multiworker, other workers that do not answer.
    """
    import tensorflow as tf

    if name not in STRATEGIES:
        raise HtrError(f"no strategy {name!r}; use one of {', '.join(STRATEGIES)}")
    if name == "multiworker":
        return _workers(say)
    found = tf.config.list_physical_devices("GPU")
    devices = found or (tf.config.list_logical_devices("CPU") if name == "mirrored" else [])
    if len(devices) > 1:
        names = [f"{d.device_type.lower()}:{n}" for n, d in enumerate(devices)]
        kind = f"{devices[0].device_type}s"
        say(f"strategy mirrored: {len(devices)} {kind} of this machine share each batch")
        return tf.distribute.MirroredStrategy(names)
    if found:
        details = tf.config.experimental.get_device_details(found[0])
        say(f"strategy {name}: one GPU, {details.get('device_name', 'of unknown name')}")
        return None
    say(f"strategy {name}: {_no_gpu()}; training runs on {os.cpu_count()} processor cores")
    return None


@dataclass(frozen=True)
class Way:
    """How a training runs. strategy: as `choose` gives it."""

    strategy: Any = None

    @property
    def first(self) -> bool:
        """Whether this process writes files: the only one, or the first worker."""
        return self.strategy is None or index(self.strategy) == 0

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Where the model must be built."""
        return self.strategy.scope() if self.strategy is not None else contextlib.nullcontext()

    def trainer(self, *given: Any, **options: Any) -> training.Trainer:
        """A trainer for `training.Trainer`'s arguments that tells, after a few steps, how long all of them take."""
        if self.strategy is None:
            trainer = training.Trainer(*given, **options)
        else:
            trainer = Trainer(*given, strategy=self.strategy, **options)
        trainer.after_step.append(Pace())
        return trainer


ONE = Way()


class Pace:
    """Says after a few steps how long an epoch takes here, and all that is to come."""

    def __init__(self) -> None:
        self._ends: list[float] = []  # of the steps

    def __call__(self, trainer: training.Trainer, loss: float) -> None:
        if len(self._ends) > PACED:
            return
        self._ends.append(time.perf_counter())
        if len(self._ends) > PACED:
            # The first step was compiled before it ran: the time begins at its end.
            minutes = (self._ends[-1] - self._ends[0]) / PACED / 60
            left = trainer.total_steps - trainer.step
            epoch = minutes * len(trainer.batches)
            trainer.say(
                f"here an epoch takes about {epoch:.1f} minutes, all to come {minutes * left:.0f}"
            )


def _no_gpu() -> str:
    """Why no GPU is used, as far as can be seen."""
    import tensorflow as tf

    if not shutil.which("nvidia-smi"):
        return "no GPU here"
    if not tf.test.is_built_with_cuda():
        return "this machine has an NVIDIA GPU that this TensorFlow cannot use"
    return 'this machine has an NVIDIA GPU but TensorFlow misses its libraries: pip install "tensorflow[and-cuda]"'


def _workers(say: Callable[[str], None]) -> Any:
    """The strategy over all workers of TF_CONFIG; the processes find each other here."""
    import tensorflow as tf

    try:
        settings = json.loads(os.environ["TF_CONFIG"])
        cluster, task = settings["cluster"], settings["task"]
        workers, index = list(cluster["worker"]), int(task["index"])
        kinds = {task["type"], *cluster}
        if kinds != {"worker"} or not 0 <= index < len(workers):
            raise ValueError("every task is a worker, numbered from 0")
    except (KeyError, TypeError, ValueError) as error:
        raise HtrError(
            f"multiworker needs the environment variable TF_CONFIG ({error!r}), as {EXAMPLE}"
        ) from None
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=TIMEOUT)
    say(f"strategy multiworker: worker {index} of {len(workers)}, waiting for the others")
    with one_line(index):
        strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    say(
        f"all {len(workers)} workers are here; {strategy.num_replicas_in_sync} devices share each batch"
    )
    return strategy


def index(strategy: Any) -> int:
    """The number of this worker; 0 where there is one process."""
    return int(strategy.cluster_resolver.task_id) if _many(strategy) else 0


def _many(strategy: Any) -> bool:
    return getattr(strategy, "cluster_resolver", None) is not None and bool(
        strategy.cluster_resolver.cluster_spec().jobs
    )


@contextlib.contextmanager
def one_line(worker: int) -> Iterator[None]:
    """What TensorFlow raises when another worker is gone, as one HtrError."""
    import tensorflow as tf

    lost = (
        tf.errors.UnavailableError,
        tf.errors.DeadlineExceededError,
        tf.errors.AbortedError,
        tf.errors.InternalError,
        tf.errors.CancelledError,
        tf.errors.FailedPreconditionError,
    )
    try:
        yield
    except lost as error:
        # In case that it was something else.
        said = (str(error).strip().splitlines() or [""])[0][:120]
        raise HtrError(
            f"worker {worker}: another worker is gone or does not answer ({type(error).__name__}: {said}); start all "
            "of them again with the same commands: they go on from the checkpoint"
        ) from None


def rows(batch: dict[str, np.ndarray], replica: int, replicas: int) -> dict[str, np.ndarray]:
    """The rows of one replica: every `replicas`-th, so that all have the same count.

    A batch that does not divide is taken several times until it does: neither the mean of the loss nor the
    statistics of batch norm change by that.
    """
    count = len(batch["width"])
    times = replicas // math.gcd(count, replicas)
    return {
        name: np.tile(one, (times,) + (1,) * (one.ndim - 1))[replica::replicas]
        for name, one in batch.items()
    }


class Trainer(training.Trainer):
    """A `training.Trainer` whose every step is shared by the replicas of a strategy.

    The model must have been built within `strategy.scope()`. With several workers all read the same `folder` (a
    shared file system, or copies of it); the first alone writes there.

    Args:
        strategy: as `choose` gives it. The others as for `training.Trainer`.
    """

    def __init__(self, model: Any, *given: Any, strategy: Any, **options: Any) -> None:
        import keras

        self.strategy, self.worker = strategy, index(strategy)
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True  # mean and variance over the rows of all replicas
        with strategy.scope():
            super().__init__(model, *given, **options)
        self._shared = _compiled(self)

    def learn(self, batch: dict[str, Any], average: float) -> tuple[float, float]:
        """As `training.Trainer.learn`; every replica takes its rows of the batch."""
        import tensorflow as tf

        whole = {name: values.numpy() for name, values in batch.items()}
        count = self.strategy.num_replicas_in_sync

        def share(context: Any) -> dict[str, Any]:
            mine = rows(whole, context.replica_id_in_sync_group, count)
            return {name: tf.constant(values) for name, values in mine.items()}

        parts = self.strategy.experimental_distribute_values_from_function(share)
        loss, norm = self._shared(parts, tf.constant(average, tf.float32))
        return float(loss), float(norm)

    def run(self, *, stop_after: int | None = None) -> list[dict[str, Any]]:
        """As `training.Trainer.run`; raises HtrError too when another worker is gone."""
        with one_line(self.worker):
            return self._run(stop_after) if self.worker else super().run(stop_after=stop_after)

    def resume(self) -> bool:
        """As `training.Trainer.resume`; raises HtrError too when the workers do not stand at the same step."""
        found = super().resume()
        steps = self._sums([self.step, self.step**2])
        count = self.strategy.num_replicas_in_sync
        if steps[0] != count * self.step or steps[1] != count * self.step**2:
            raise HtrError(
                f"worker {self.worker} stands at step {self.step}, others do not: all must see the same {self.folder}"
            )
        return found

    def _sums(self, values: list[int]) -> list[int]:
        """Sums over all replicas."""
        import tensorflow as tf

        @tf.function
        def add(mine: Any) -> Any:
            return self.strategy.run(
                lambda: tf.distribute.get_replica_context().all_reduce("sum", tf.identity(mine))
            )

        sums = add(tf.constant(values, tf.float64))
        return [int(total) for total in self.strategy.experimental_local_results(sums)[0]]

    def checkpoint(self) -> None:
        if self.worker == 0:
            super().checkpoint()

    def export(self, path: str | Path, about: dict[str, Any], half: bool = True) -> None:
        if self.worker == 0:
            super().export(path, about, half)


def _compiled(one: Trainer) -> Any:
    """(rows of each replica, decay of the averages) -> (loss, norm of the gradient), both of the whole batch."""
    import tensorflow as tf

    count = one.strategy.num_replicas_in_sync

    def replica(batch: Any) -> tuple[Any, Any]:
        loss, gradients = one._gradients(batch)
        context = tf.distribute.get_replica_context()
        loss, gradients = context.all_reduce("mean", [loss, gradients])
        gradients, norm = tf.clip_by_global_norm(gradients, one.settings.clip)
        # The optimiser adds up what the replicas give it.
        one.optimiser.apply([part / count for part in gradients], one.model.trainable_variables)
        return loss, norm

    @tf.function
    def step(parts: Any, average: Any) -> tuple[Any, Any]:
        def follow(mean: Any, value: Any) -> None:
            mean.assign_sub((1 - average) * (mean - value))

        found = one.strategy.run(replica, (parts,))
        for mean, value in zip(one.ema, one.averaged, strict=True):
            one.strategy.extended.update(mean, follow, (value.value,))
        return tuple(one.strategy.experimental_local_results(part)[0] for part in found)

    return step
