"""Renders that break one promise each; see ``test_mutants``."""

from __future__ import annotations

import os
from typing import Any

import attrs

from rastercollection.model.render import Renderable, RenderDefinition
from rastercollection.testing.render_contract import RenderContract, collection_of

PICTURE = collection_of("red", "nir")


class Sound:
    """A vegetation index, by what the bands are known as."""

    expression = "(b{nir}-b{red})/(b{nir}+b{red})"

    def __call__(self, collection: Renderable, /) -> Any:
        red, nir = collection.band("red"), collection.band("nir", "nir08")
        if red is None or nir is None:
            return None
        expression = self.expression.format(red=red.number, nir=nir.number)
        return RenderDefinition(title="Index", expression=expression, rescale=(-1, 1), colormap_name="rdylgn")


class IsAClass(Sound):
    """Registered as it is, it makes an object of whatever it is asked about."""


class ShowsNothing(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        return None


class ShowsAnything(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        return super().__call__(collection) or RenderDefinition(title="Anything", bands=1)


class RaisesWhereBandsAreMissing(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        if collection.band("nir", "nir08") is None:
            raise KeyError("nir")
        return super().__call__(collection)


class AnswersADict(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and found.to_dict()


class RescalesUpsideDown(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and attrs.evolve(found, rescale=(1, -1))


class CallsBandsByName(Sound):
    expression = "(nir-red)/(nir+red)"


class ComputesAnything(Sound):
    expression = "b{nir}.max() + b{red}"


class ShowsAFixedBand(Sound):
    expression = "(b8-b{red})/(b8+b{red})"


class InventsColors(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and attrs.evolve(found, colormap_name="greenish")


class TellsAStory(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and attrs.evolve(found, title="A picture of how green it was on the day it was acquired, by index")


class Counts(Sound):
    count = 0

    def __call__(self, collection: Renderable, /) -> Any:
        self.count += 1
        found = super().__call__(collection)
        return found and attrs.evolve(found, title=f"Index {self.count}")


class RemembersThePrevious(Sound):
    previous = 0

    def __call__(self, collection: Renderable, /) -> Any:
        before, self.previous = self.previous, len(collection.bands)
        found = super().__call__(collection)
        return found and attrs.evolve(found, title=f"Index {before}")


class DependsOnTheProcess(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and attrs.evolve(found, title=f"Index {os.getpid()}")


class ChangesWhatItIsTold(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        object.__setattr__(collection, "raster_type", collection.raster_type + "!")
        return super().__call__(collection)


@attrs.frozen(kw_only=True)
class Special(RenderDefinition):
    mood: str = "green"


class AnswersSomethingSpecial(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and Special(**attrs.asdict(found))


class PaintsEverythingAlike(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and attrs.evolve(found, rescale=(-1e6, 1e6))


class KnowsObjects(Sound):
    def __call__(self, collection: Renderable, /) -> Any:
        found = super().__call__(collection)
        return found and attrs.evolve(found, title="Index" if collection is PICTURE else "Another")


MUTANTS: dict[type[Any], str] = {
    IsAClass: "test_it_can_be_called",
    ShowsNothing: "test_it_shows_what_it_is_made_for",
    ShowsAnything: "test_it_says_nothing_of_what_it_is_not_made_for",
    RaisesWhereBandsAreMissing: "test_it_raises_for_no_collection",
    AnswersADict: "test_what_it_answers_is_a_definition",
    RescalesUpsideDown: "test_what_it_answers_is_a_definition",
    CallsBandsByName: "test_what_it_answers_is_a_definition",
    ComputesAnything: "test_what_it_answers_is_a_definition",
    ShowsAFixedBand: "test_it_shows_bands_that_are_there",
    InventsColors: "test_its_colors_are_known",
    TellsAStory: "test_its_title_fits_on_a_button",
    Counts: "test_it_answers_the_same_again",
    RemembersThePrevious: "test_the_order_of_questions_makes_no_difference",
    DependsOnTheProcess: "test_it_answers_the_same_in_another_process",
    ChangesWhatItIsTold: "test_it_does_not_change_what_it_is_told",
    AnswersSomethingSpecial: "test_its_answer_can_be_recorded",
    PaintsEverythingAlike: "test_values_that_matter_are_told_apart",
    KnowsObjects: "test_a_collection_comes_back_from_its_record",
}


def suite(kind: type[Any]) -> type[RenderContract]:
    name = kind.__name__ if kind is IsAClass else f"render_{kind.__name__}"
    told = {
        "target": f"mutated_renders:{name}",
        "shown": (PICTURE,),
        "hidden": (collection_of("red", "green", "blue"),),
    }
    return type(kind.__name__, (RenderContract,), {**told, "__module__": __name__})


globals().update({f"render_{kind.__name__}": kind() for kind in (Sound, *MUTANTS)})
globals().update({f"Suite{kind.__name__}": suite(kind) for kind in (Sound, *MUTANTS)})
