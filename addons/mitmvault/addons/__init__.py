"""The addons: a hook asks the core and edits the flow."""
