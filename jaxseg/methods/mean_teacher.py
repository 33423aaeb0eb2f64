"""Self-training with a mean teacher on mixed images: DACS (Tranheden et al., WACV 2021) in the form DAFormer gave it.

Step t, counted from 0, with student parameters w and teacher parameters v:

    v   <-  a v + (1 - a) w,    a = min(1 - 1 / (t + 1), decay)
    y_n  =  argmax_c p_n,c,     p = softmax of the teacher on the target image
    q    =  share of the pixels of the batch with max_c p_n,c >= threshold
    mask =  half of the classes of the source label, rounded up
    mixed image, label, weight  =  source image, its label, 1   in the mask
                                   target image, y, q           elsewhere
    w   <-  a step on  CE(source) + mean over the pixels of weight * CE(mixed)

So at step 0 the teacher is the student, whatever it was initialised with. The student sees the source and then the
mixed image, its colours jittered and blurred; it is what predicts. Of what DAFormer adds, rare-class sampling is
`Experiment.sampling`; its distance to ImageNet features is not here.

Where the sources differ: DACS updates the teacher after the step, so its a is one step behind, with a decay of 0.99;
DAFormer's baseline has 0.99 too, its final recipe 0.999, the default here. Both divide the mixed loss by the number of
all pixels, void ones included; here it is that of the pixels with a label, as everywhere in this library.

Batch normalisation. Both average the teacher's parameters only, and leave it in training mode, so that it labels with
the statistics of the target batch at hand, and its running statistics are of target images alone. That is
`teacher_statistics="batch"`, the default. `"student"` (ours) labels with the running statistics of the student.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax.errors import InvalidRngError
from jaxtyping import Array, Float, Int

from jaxseg import losses
from jaxseg.data.augment import ColorJitter, GaussianBlur
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods._class_mix import LISTS, class_mask
from jaxseg.methods._steps import forwarded, moved
from jaxseg.methods.method import METHOD_STREAM, Batch, Method, Metrics, Phase, State, initial_state
from jaxseg.methods.objective import brought_to
from jaxseg.methods.optimizer import SGD, STATIC, Optimizer
from jaxseg.models import Network


@pytree
@dataclasses.dataclass(frozen=True)
class MeanTeacher(Method):
    """A student trained on labelled source images and on target images that a moving average of it labels.

    Attributes:
      network: the segmentation network of student and teacher.
      steps: updates.
      optimizer: of the student.
      decay: share of the teacher that a step keeps, in the long run; a leaf.
      threshold: probability from which a pixel counts as sure in q; a leaf.
      color: jitter of the mixed image, or None. The released codes shift the hue too, which `ColorJitter` has not.
      color_share: share of the images that are jittered; the released codes jitter a whole batch, at that chance.
      blur: blur of the mixed image, or None; drawn for each image, and in the released codes for the whole batch.
      ignored_rows: how many rows at the top and at the bottom of the target get weight 0, where a camera's
        rectification spoils what the teacher says. DAFormer's final recipe has 15 and 120 of 512.
      classes_of: what ClassMix chooses from, the classes of each source `"image"` or DAFormer's list of the `"batch"`;
        see `class_mask`.
      teacher_statistics: `"batch"` or `"student"`, see above.
      teacher_network: the same network without dropout, where `network` has it and `teacher_statistics` is `"batch"`:
        the released teacher does not drop out. None is `network`.
      predicts: whose variables are scored, the `"student"`'s or the `"teacher"`'s.

    Source: Tranheden, Olsson, Pinto and Svensson, "DACS: Domain Adaptation via Cross-domain Mixed Sampling", WACV 2021;
    Hoyer, Dai and Van Gool, "DAFormer", CVPR 2022, and the released code of both.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    steps: int = dataclasses.field(metadata=STATIC)
    optimizer: Optimizer = SGD()
    decay: Scalar = 0.999
    threshold: Scalar = 0.968
    color: ColorJitter | None = ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2)
    color_share: Scalar = 0.8
    blur: GaussianBlur | None = GaussianBlur(probability=0.5, sigma=(0.15, 1.15))
    ignored_rows: tuple[int, int] = dataclasses.field(default=(0, 0), metadata=STATIC)
    classes_of: str = dataclasses.field(default="image", metadata=STATIC)
    teacher_statistics: str = dataclasses.field(default="batch", metadata=STATIC)
    teacher_network: Network | None = dataclasses.field(default=None, metadata=STATIC)
    predicts: str = dataclasses.field(default="student", metadata=STATIC)

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        choices = {
            "classes_of": LISTS,
            "teacher_statistics": ("batch", "student"),
            "predicts": ("student", "teacher"),
        }
        for name, (one, other) in choices.items():
            if getattr(self, name) not in (one, other):
                raise InputError(f"{name}: {getattr(self, name)!r} is not known; use {one!r} or {other!r}")
        if not 0.0 <= float(self.decay) <= 1.0:
            raise InputError(
                f"decay: {float(self.decay):g}; the share of the teacher that a step keeps, 0 to 1"
            )
        if min(self.ignored_rows) < 0:
            raise InputError(f"ignored_rows: {self.ignored_rows}; use numbers of rows, 0 or more")
        if self._teacher.classes != self.network.classes:
            raise InputError(
                f"teacher_network: it scores {self._teacher.classes} classes and the network {self.network.classes}"
            )

    @property
    def phases(self) -> tuple[Phase, ...]:
        return (Phase("train", self.steps),)

    @property
    def _teacher(self) -> Network:
        return self.network if self.teacher_network is None else self.teacher_network

    def init(self, seed: Array, image: Array) -> State:
        return self._doubled(initial_state(self, seed, image))

    def begin(self, state: State, phase: int) -> State:
        optimizer = self.optimizer.transformation(0, 1)
        return dataclasses.replace(state, opt_state={"network": optimizer.init(state.params["network"])})

    def variables(self, state: State) -> dict[str, Any]:
        name = "teacher" if self.predicts == "teacher" else "network"
        statistics = state.batch_stats.get(name, state.batch_stats["network"])
        return {"params": state.params[name], "batch_stats": statistics}

    def with_variables(self, state: State, variables: Mapping[str, Any]) -> State:
        given = dataclasses.replace(state, params=variables["params"], batch_stats=variables["batch_stats"])
        return self._doubled(given)

    def _doubled(self, state: State) -> State:
        """A state of one network as one of student and teacher, equal and in memory of their own."""
        names = ("network", "teacher") if self.teacher_statistics == "batch" else ("network",)
        return dataclasses.replace(
            state,
            params={name: jax.tree.map(jnp.copy, state.params) for name in ("network", "teacher")},
            batch_stats={name: jax.tree.map(jnp.copy, state.batch_stats) for name in names},
        )

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        source, target = _pair(batch)
        *mixing_keys, dropout_key = jax.random.split(state.key(METHOD_STREAM), 4)
        student = state.params["network"]
        decay = self._decay_at(state.step)
        teacher = jax.tree.map(lambda v, w: decay * v + (1.0 - decay) * w, state.params["teacher"], student)
        label, quality, teacher_statistics = self._labelled(teacher, state.batch_stats, target)
        mixed = self._mixed(mixing_keys, source, {**target, "label": label}, quality)
        images = {"source": source["image"], "target": mixed["image"]}

        def loss(params: Any) -> tuple[Float[Array, ""], tuple[Any, dict[str, Array]]]:
            before = state.batch_stats["network"]
            outputs, batch_stats = forwarded(self.network, params, before, images, dropout_key)
            scores = {
                domain: brought_to(self.network, output.logits, mixed["label"].shape)
                for domain, output in outputs.items()
            }
            known = losses.valid_pixels(mixed["label"], self.network.classes, mixed["valid"])
            values = losses.softmax_cross_entropy(scores["target"], mixed["label"], where=known)
            terms = {
                "source": losses.SoftmaxCrossEntropy().average(scores["source"], source["label"]),
                "mixed": losses.mean(mixed["weight"] * values, known),
            }
            return terms["source"] + terms["mixed"], (batch_stats, terms)

        (value, (batch_stats, terms)), gradient = jax.value_and_grad(loss, has_aux=True)(student)
        opt_state = state.opt_state["network"]
        student, opt_state = moved(
            self.optimizer, student, gradient, opt_state, state.step, self.steps, self.network.head
        )
        metrics = {
            "loss": value,
            "terms": terms,
            "gradient_norm": optax.global_norm(gradient),
            "learning_rate": self.optimizer.rate(state.step, self.steps),
            "quality": quality,
        }
        new = dataclasses.replace(
            state,
            step=state.step + 1,
            params={"network": student, "teacher": teacher},
            batch_stats={"network": batch_stats, **teacher_statistics},
            opt_state={"network": opt_state},
        )
        return new, metrics

    def _decay_at(self, step: Array) -> Float[Array, ""]:
        """a = min(1 - 1 / (t + 1), decay) at step t."""
        count = jnp.asarray(step, jnp.float32)
        return jnp.minimum(count / (count + 1.0), jnp.asarray(self.decay, jnp.float32))

    def _labelled(
        self, teacher: Any, batch_stats: Mapping[str, Any], target: Mapping[str, Array]
    ) -> tuple[Int[Array, "B H W"], Float[Array, ""], dict[str, Any]]:
        """The teacher's labels of target images, their quality q, and the teacher's batch statistics if it has any."""
        own = self.teacher_statistics == "batch"
        statistics = batch_stats["teacher" if own else "network"]
        try:
            output, after = self._teacher.apply(
                {"params": teacher, "batch_stats": statistics},
                self._teacher.normalization(target["image"]),
                train=own,
                domain="target",
            )
        except InvalidRngError as error:
            raise InputError(
                "teacher_network: the network drops out in training, and the teacher does not; give the same network "
                "without dropout, or teacher_statistics 'student'"
            ) from error
        scores = brought_to(self._teacher, output.logits.astype(jnp.float32), target["label"].shape)
        scores = jax.lax.stop_gradient(scores)
        sure = jnp.max(jax.nn.softmax(scores), axis=-1) >= jnp.asarray(self.threshold, jnp.float32)
        quality = losses.mean(sure.astype(jnp.float32), target["valid"])
        return jnp.argmax(scores, axis=-1).astype(jnp.int32), quality, {"teacher": after} if own else {}

    def _mixed(
        self,
        keys: Sequence[Array],
        source: Mapping[str, Array],
        target: Mapping[str, Array],
        quality: Float[Array, ""],
    ) -> dict[str, Array]:
        """Source pasted onto labelled target: image, label, `valid`, and the weight of each pixel."""
        mix_key, color_key, blur_key = keys
        mask = class_mask(mix_key, source["label"], self.network.classes, listed=self.classes_of)
        image = jnp.where(mask[..., None], source["image"], target["image"])
        if self.color is not None:
            share_key, color_key = jax.random.split(color_key)
            keys_of_images = jax.vmap(lambda b: jax.random.fold_in(share_key, b))(jnp.arange(len(image)))
            jittered = jax.vmap(jax.random.uniform)(keys_of_images) < self.color_share
            image = jnp.where(jittered[:, None, None, None], self.color(color_key, image)[0], image)
        if self.blur is not None:
            image = self.blur(blur_key, image)[0]
        top, bottom = self.ignored_rows
        row = jnp.arange(mask.shape[1])[:, None]
        trusted = jnp.where((row >= top) & (row < len(row) - bottom), quality, 0.0)
        return {
            "image": image,
            "label": jnp.where(mask, source["label"].astype(jnp.int32), target["label"]),
            "valid": jnp.where(mask, source["valid"], target["valid"]),
            "weight": jnp.where(mask, 1.0, trusted),
        }


def _pair(batch: Batch) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
    """The batches of both domains, if the one can be pasted onto the other."""
    source, target = batch["source"], batch["target"]
    if source["label"].ndim == 1:
        raise InputError(
            "mean teacher: it mixes images by their label maps, and here a label is one of an image"
        )
    if source["image"].shape != target["image"].shape:
        raise InputError(
            f"mean teacher: source images {source['image'].shape} cannot be pasted onto target images "
            f"{target['image'].shape}; crop or resize both domains to one size"
        )
    return source, target
