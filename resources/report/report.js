(function () {
  "use strict";
  var root = document.documentElement;
  var button = document.getElementById("switch");
  var heading = document.querySelector("h1");
  function show(language) {
    root.setAttribute("data-lang", language);
    root.lang = language === "zh" ? "zh-CN" : "en";
    document.title = heading.getAttribute("data-" + language);
    button.textContent = button.getAttribute("data-" + language);
  }
  button.addEventListener("click", function () {
    show(root.getAttribute("data-lang") === "zh" ? "en" : "zh");
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.printed").forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () {
    document.querySelectorAll("details").forEach(function (part) { part.open = false; });
  });
})();
