//! Two crates carry the list of what scenes are made of.

#[test]
fn the_embedded_model_names_what_scenes_show() {
    let list = |name: &str| {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        let path = crates.join(name).join("classes.tsv");
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let model = list("m2ib-emoji");
    assert!(model.as_ref().is_ok_and(|text| !text.is_empty()));
    assert_eq!(model, list("m2ib-scenes"));
}
