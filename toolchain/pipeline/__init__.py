"""The five stages, the build that orders them, workspace, cache and manifest."""
