//! rig.toml: every setting, its default, its unit and its errors.
