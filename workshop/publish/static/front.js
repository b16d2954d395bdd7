// Starts the reading desk where a browser lets it: from a web server, for a file may load no modules.
"use strict";
if (document.getElementById("desk")) {
  const told = document.getElementById("no-server");
  const tell = (text) => { told.textContent = text; told.hidden = false; };
  if (location.protocol === "file:") {
    tell("Reading needs a web server: run `python -m http.server` in this folder and open http://localhost:8000.");
  } else {
    import("./read/desk.js").catch(() => tell("The reader could not start; a current Firefox, Chrome, Edge or Safari runs it."));
  }
}
