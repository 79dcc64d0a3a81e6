"""Models as text and arrays: blocks, specs, presets, and what they compute."""
