//! Writes the JavaScript glue of a built Worker: `serin-bindgen INPUT.wasm OUTPUT_DIR NAME`.

use anyhow::bail;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, name] = arguments.as_slice() else {
        bail!("usage: serin-bindgen INPUT.wasm OUTPUT_DIR NAME");
    };
    Bindgen::new()
        .input_path(input)
        .out_name(name)
        .module(true)?
        .typescript(false)
        // After a trap the instance is unusable; the entry starts a fresh one through this function.
        .reset_state_function(true)
        .remove_producers_section(true)
        .generate(output)
}
