"""A checkpoint behind a server with OpenAI's chat protocol: vLLM, SGLang, llama.cpp, TGI, ..."""

from __future__ import annotations

import hashlib
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.server.address import ApiKey, ServerAddress
from pytest_vlm.engine.server.messages import ServerQuestion, write_questions
from pytest_vlm.engine.server.models import choose_model, list_models, read_models
from pytest_vlm.engine.server.replies import (
    Answer,
    Unanswered,
    read_reply,
)
from pytest_vlm.errors import EngineError, RelevanceUnavailable, SettingsError
from pytest_vlm.evaluation.explanation import MapRequest
from pytest_vlm.evaluation.predictions import Completion, Measurement, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.settings import GenerationSettings, LoadSettings

if TYPE_CHECKING:
    from pytest_vlm.engine.server.client import Patience, ServerRefusal

IN_A_ROW = 5
KEY_REFUSED = (401, 403)
NO_SUCH = (404, 405)
NO_ANSWER = Completion(raw="", reasoning="", answer="", finish_reason="error", tokens=0)
Outcome = Answer | Unanswered


def load_server(spec: CheckpointSpec) -> ServerEngine:
    """The engine of a checkpoint whose source is ``http(s)://host[:port]/v1[#model]``.

    Raises:
        EngineError: no such server, no such model there, or httpx is not installed.
        SettingsError: the source is no address.
    """
    return ServerEngine(spec)


class ServerEngine:
    """One model of a server; the rows of a batch are asked at the same time.

    What a server answers may depend on what else it is asked at that moment, also by others.

    Args:
        spec: its source is the address.
        patience: how long the server is waited for.

    Raises:
        EngineError: no such server, no such model there, or httpx is not installed.
        SettingsError: the source is no address.
    """

    no_relevance = (
        "a server gives no attention maps; with the weights that it serves they are made here: "
        "http://host/v1#model?weights=path/to/folder"
    )

    def __init__(self, spec: CheckpointSpec, patience: Patience | None = None) -> None:
        try:
            from anyio.from_thread import start_blocking_portal

            from pytest_vlm.engine.server.client import Patience, connected
        except ImportError as error:
            raise EngineError(
                f"{spec.name} is a server, and asking one needs httpx ({error}); "
                "pip install 'pytest-vlm[server]'"
            ) from error
        self.name = spec.name
        self._address = ServerAddress.parse(spec.source)
        self._key = ApiKey.of(spec.name)
        client = connected(self._address, self._key, patience or Patience())
        with ExitStack() as stack:
            self._served: tuple[str, ...] = ()
            self._portal = stack.enter_context(start_blocking_portal(name="vlm-server"))
            self._client = stack.enter_context(self._portal.wrap_async_context_manager(client))
            self._served = self._ask_models()
            self._model = choose_model(spec.name, self._address, self._served)
            # Also at the end of a program that forgets to: its thread would never answer then.
            self._close = weakref.finalize(self, stack.pop_all().close)
        self._events = tuple(self._remarks(spec))

    @property
    def device(self) -> str:
        """The address."""
        return self._address.base

    def predict(
        self, batches: Iterable[Sequence[Sample]], settings: GenerationSettings
    ) -> Iterator[list[Prediction]]:
        """Answer batch by batch; the next one's pictures are read while one is asked.

        Each completion is a request of its own with a seed of its own, the same for every
        checkpoint: not all servers know ``n``, and the tokens of each are counted.

        Raises:
            EngineError: the server refuses the key or the model, or several questions in a row
                have no answer.
            SettingsError: a setting that the protocol does not know.
        """
        if settings.thinking_budget is not None:
            raise SettingsError(
                f"{self.name} is a server, whose protocol knows no thinking budget; leave it away "
                "and set the budget where the server is started"
            )
        silent = 0
        prepared = (write_questions(batch, settings) for batch in batches)
        questions = next(prepared, None)
        while questions is not None:
            asked = self._portal.start_task_soon(self._ask, questions, settings)
            try:
                following = next(prepared, None)
                outcomes, seconds = asked.result()
            finally:
                asked.cancel()  # an interrupt must not leave requests behind
            for row in filter(None, outcomes):
                silent = silent + 1 if _is_silent(row) else 0
                if silent == IN_A_ROW:
                    problem = next(one for one in row if isinstance(one, Unanswered))
                    raise EngineError(
                        f"the server at {self.device} gave no answer to {silent} questions in a "
                        f"row: {problem}; is it still running?"
                    )
            yield self._predictions(questions, outcomes, seconds)
            questions = following

    def relevance(
        self,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        settings: GenerationSettings,
        wanted: MapRequest = MapRequest(),
    ) -> list[Heatmap]:
        """There are none."""
        raise RelevanceUnavailable(f"{self.name} gives no relevance map: {self.no_relevance}")

    def close(self) -> None:
        """Close the connections and end the thread that holds them."""
        self._close()

    async def _ask(
        self, questions: Sequence[ServerQuestion], settings: GenerationSettings
    ) -> tuple[list[list[Outcome]], float]:
        """What came of each question, in order, and the seconds that all of them took."""
        from anyio import create_task_group

        found: dict[tuple[int, int], Outcome] = {}
        stopped: list[EngineError] = []
        start = time.perf_counter()
        async with create_task_group() as group:

            async def ask(place: int, number: int) -> None:
                try:
                    found[place, number] = await self._complete(questions[place], settings, number)
                except Unanswered as problem:
                    found[place, number] = problem
                except EngineError as error:
                    stopped.append(error)
                    group.cancel_scope.cancel()

            for place, question in enumerate(questions):
                for number in range(0 if question.problem else settings.completions):
                    group.start_soon(ask, place, number)
        if stopped:
            raise stopped[0]
        outcomes = [
            [found[place, number] for number in range(settings.completions) if not one.problem]
            for place, one in enumerate(questions)
        ]
        return outcomes, time.perf_counter() - start

    async def _complete(
        self, question: ServerQuestion, settings: GenerationSettings, number: int
    ) -> Answer:
        from pytest_vlm.engine.server.client import ServerRefusal

        body: dict[str, Any] = {
            "model": self._model,
            "messages": question.messages,
            "max_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
        }
        if settings.stop:
            body["stop"] = list(settings.stop)
        if settings.temperature:
            body["seed"] = draw_seed(settings.seed, question.sample.digest, number)
        try:
            reply = await self._client.post(
                "/chat/completions", body, tokens=settings.max_new_tokens
            )
        except ServerRefusal as refusal:
            stops = refusal.status in (*KEY_REFUSED, *NO_SUCH) or 300 <= refusal.status < 400
            if stops:
                raise self._stop(refusal, "/chat/completions") from None
            raise Unanswered(
                f"the server answers {refusal}", silent=refusal.status >= 500
            ) from None
        return read_reply(reply, model=self._model, number=number)

    def _predictions(
        self,
        questions: Sequence[ServerQuestion],
        outcomes: Sequence[Sequence[Outcome]],
        seconds: float,
    ) -> list[Prediction]:
        answered = [[one for one in row if isinstance(one, Answer)] for row in outcomes]
        measurement = Measurement(
            seconds=seconds,
            samples=sum(map(bool, outcomes)),
            tokens=sum(one.completion.tokens for row in answered for one in row),
        )
        predictions = []
        for question, row, answers in zip(questions, outcomes, answered, strict=True):
            problems = [str(one) for one in row if isinstance(one, Unanswered)]
            if question.problem or problems:
                why = question.problem or problems[0]
                predictions.append(
                    Prediction(
                        sample_id=question.sample.id, completions=(NO_ANSWER,), events=(why,)
                    )
                )
                continue
            remarks = dict.fromkeys(event for one in answers for event in one.events)
            predictions.append(
                Prediction(
                    sample_id=question.sample.id,
                    completions=tuple(one.completion for one in answers),
                    measurement=measurement,
                    events=(*self._events, *remarks),
                )
            )
        return predictions

    def _ask_models(self) -> tuple[str, ...]:
        """The models that the server lists; empty where it lists none."""
        from pytest_vlm.engine.server.client import ServerRefusal

        try:
            return read_models(self._portal.call(self._client.get, "/models"))
        except ServerRefusal as refusal:
            if refusal.status in KEY_REFUSED or 300 <= refusal.status < 400:
                raise self._stop(refusal, "/models") from None
            return ()  # not all servers have this route, and not in all of them it works
        except Unanswered as problem:
            raise EngineError(
                f"{self.name}: no server that can be asked at {self.device}: {problem}; start it, "
                "and give its address up to the version, such as http://host:8000/v1"
            ) from None

    def _remarks(self, spec: CheckpointSpec) -> Iterator[str]:
        if not self._served:
            yield "the server does not list its models: the name of the model was not checked"
        if not self._address.model:
            yield f"the address names no model: {self._model}, the only one served, was asked"
        if spec.load != LoadSettings():
            yield f"dtype, device and attention are the server's, not {spec.load}"
        if self._key.secret and self._address.readable_by_others:
            yield f"{self._key.variable} was sent unencrypted; use https"

    def _stop(self, refusal: ServerRefusal, path: str) -> EngineError:
        """The error that ends the run, with what to do."""
        said = f"{self.name}: {self.device}{path} answers {refusal}"
        if 300 <= refusal.status < 400:
            return EngineError(
                f"{said}; redirects are not followed with a key: give the address it leads to"
            )
        if refusal.status in KEY_REFUSED:
            variable = self._key.variable
            if self._key.secret:
                return EngineError(f"{said}; the key in {variable} is not the right one")
            return EngineError(f"{said}; put the key into the environment variable {variable}")
        return EngineError(
            f"{said}; {list_models(self._served, self._address.model)}; the address ends with the "
            "version, such as http://host:8000/v1"
        )


def draw_seed(seed: int, digest: str, number: int) -> int:
    """Of one draw, in 31 bits, which every server takes; the same for every checkpoint."""
    content = f"{seed}|{digest}|{number}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "big") >> 1


def _is_silent(outcomes: Sequence[Outcome]) -> bool:
    return any(isinstance(one, Unanswered) and one.silent for one in outcomes)
