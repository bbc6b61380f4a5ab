"use strict";
// The pages are dark if Airflow's own pages are, whatever the system prefers. Airflow keeps its theme in the browser.
(() => {
  const dark = [...document.styleSheets].flatMap(sheet => [...sheet.cssRules]).filter(rule => rule.media?.mediaText.includes("prefers-color-scheme"));
  const paint = () => {
    const theme = ["dark", "light"].find(name => name === localStorage.getItem("theme"));
    document.documentElement.style.colorScheme = theme || "";
    for (const rule of dark) rule.media.mediaText = theme ? (theme === "dark" ? "all" : "not all") : "(prefers-color-scheme: dark)";
  };
  addEventListener("storage", event => { if (event.key === "theme") paint(); });
  paint();
})();
