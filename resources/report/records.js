(function () {
  "use strict";
  var holder = document.getElementById("records-data");
  if (!holder) { return; }
  var data = JSON.parse(holder.textContent);
  var columns = data.columns, people = data.people;
  var total = columns.status.codes.length, size = 50, start = 0, found = [];
  var form = document.getElementById("records-form"), body = document.getElementById("records-body");
  var kinds = { PASS: "pass", ATTESTED: "pass", WARN: "warn", FAIL: "fail", NOT_ASSESSED: "missing", NOT_APPLICABLE: "missing" };
  var fields = Array.prototype.map.call(document.querySelectorAll("#records-table th"), function (head) {
    return head.getAttribute("data-field");
  });
  var names = {};
  Array.prototype.forEach.call(form.elements.status.options, function (option) {
    names[option.value] = option.textContent.split(" / ");
  });
  function value(field, row) {
    return columns[field].texts[columns[field].codes[row]];
  }
  // The codes of a field whose text is, or contains, what was asked for; null when nothing was asked.
  function wanted(field, asked, whole) {
    if (!asked) { return null; }
    var small = asked.toLowerCase(), zh = columns[field].zh || {};
    return columns[field].texts.map(function (words, code) {
      if (whole) { return words === asked; }
      return words.toLowerCase().indexOf(small) >= 0 || (zh[code] || "").indexOf(asked) >= 0;
    });
  }
  function search() {
    var asked = form.elements, tests = [];
    function add(field, text, whole) {
      var allowed = wanted(field, text.trim(), whole);
      if (allowed) { tests.push([columns[field].codes, allowed]); }
    }
    add("patient", asked.patient.value, false);
    add("sample", asked.sample.value, false);
    ["requirement", "status", "centre"].forEach(function (field) { add(field, asked[field].value, true); });
    var words = asked.words.value.trim();
    var either = words ? ["check", "reason", "step", "block", "value"].map(function (field) {
      return [columns[field].codes, wanted(field, words, false)];
    }) : [];
    found = [];
    for (var row = 0; row < total; row += 1) {
      var good = tests.every(function (test) { return test[1][test[0][row]]; });
      if (good && (!words || either.some(function (test) { return test[1][test[0][row]]; }))) { found.push(row); }
    }
    start = 0;
    show();
  }
  function spoken(cell, zh, en) {
    [["zh", zh], ["en", en]].forEach(function (pair) {
      var part = document.createElement("span");
      part.lang = pair[0];
      part.textContent = pair[1];
      cell.appendChild(part);
    });
  }
  function show() {
    body.textContent = "";
    found.slice(start, start + size).forEach(function (row) {
      var line = document.createElement("tr");
      fields.forEach(function (field) {
        var cell = document.createElement("td"), words = value(field, row);
        if (field === "status") {
          cell.className = "status " + kinds[words];
          spoken(cell, names[words][0], names[words][1]);
        } else {
          var zh = (columns[field].zh || {})[columns[field].codes[row]];
          if (zh) { spoken(cell, zh, words); } else { cell.textContent = words; }
          if (field === "n") { cell.className = "number"; }
          if (field === "requirement") { cell.className = "narrow"; }
        }
        line.appendChild(cell);
      });
      body.appendChild(line);
    });
    var last = Math.min(start + size, found.length);
    document.getElementById("records-count").textContent = (found.length ? start + 1 : 0) + "–" + last + " / " + found.length;
    document.getElementById("records-back").disabled = start === 0;
    document.getElementById("records-on").disabled = last >= found.length;
    person();
  }
  // All records of the one patient who was asked for, those in groups included.
  function person() {
    var place = document.getElementById("records-person"), asked = form.elements.patient.value.trim();
    place.textContent = "";
    if (!Object.prototype.hasOwnProperty.call(people, asked)) { return; }
    function said(language) {
      return asked + (language ? ": " : "：") + data.verdicts.map(function (verdict, position) {
        return people[asked][position] ? names[verdict][language] + " " + people[asked][position] : "";
      }).filter(Boolean).join(language ? ", " : "，");
    }
    spoken(place, said(0), said(1));
  }
  form.addEventListener("input", search);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("reset", function () { window.setTimeout(search, 0); });
  document.getElementById("records-back").addEventListener("click", function () { start -= size; show(); });
  document.getElementById("records-on").addEventListener("click", function () { start += size; show(); });
  document.addEventListener("click", function (event) {
    var name = event.target.getAttribute && event.target.getAttribute("data-requirement");
    if (!name) { return; }
    form.reset();
    form.elements.requirement.value = name;
    search();
  });
  search();
})();
