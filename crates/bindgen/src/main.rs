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
        // As worker-build has them: after a panic the next call starts a fresh instance.
        .reset_state_function(true)
        .force_enable_abort_handler(true)
        .remove_producers_section(true)
        .generate(output)
}
