"""Forms: one file per noun; the connection form is made from a provider's own fields."""
