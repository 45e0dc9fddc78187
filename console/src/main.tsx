import { render } from "preact";
import { begin } from "./api";
import { App } from "./app";
import "./style.css";

void begin();
render(<App />, document.getElementById("app") as HTMLElement);
