"""An executor and a render that live outside rastercollection."""
