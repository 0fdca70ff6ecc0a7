"""Does the app answer as the engine does?"""

import pytest


@pytest.mark.vlm_requires("app")
def test_app_answers_as_the_engine(app_client, predict, samples):
    simple = [s for s in samples if len(s.frames) == 1 and len(s.messages) == 1]
    if not simple:
        pytest.skip("the app takes one picture and one question, no sample has just these")
    assert app_client.answer(simple[0]) == predict(simple[:1])[0].answer
