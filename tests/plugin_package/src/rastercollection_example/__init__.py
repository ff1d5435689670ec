"""An executor that lives outside rastercollection."""
