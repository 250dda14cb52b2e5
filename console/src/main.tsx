// The console. The splitter serves it at /__serin/, and it asks the control API beside it for everything it shows.

import { render } from "preact";
import { App } from "./app";

const root = document.getElementById("console");
if (root) render(<App />, root);
