// A reader moves the threshold, the prevalence or the subgroup; the numbers are computed anew from the page's own data.
//
// In: every element of class "explorer", with the facts (JSON) of each patient: positive or not, the probability that
// each model gave out of fold, and the groups. Out: the element filled. The formulas are those of medtl.evaluation:
// Wilson's interval for shares, Bayes' rule with MOVER-R for predictive values at another prevalence, and net benefit.
// Nothing is fetched, and text is only ever written as text.
"use strict";
(() => {
  const DIGITS = 3, EVERYBODY = "All patients";

  // ---- numbers ----------------------------------------------------------------------------------------------

  // Wilson, JASA 1927;22:209.
  function share(right, among, z) {
    if (!among) return null;
    const value = right / among, scale = 1 + z * z / among, middle = (value + z * z / (2 * among)) / scale;
    const half = z / scale * Math.sqrt(value * (1 - value) / among + (z / 2 / among) ** 2);
    return {value, low: Math.min(Math.max(middle - half, 0), value), high: Math.max(Math.min(middle + half, 1), value)};
  }

  const otherSide = (rate) => rate && {value: 1 - rate.value, low: 1 - rate.high, high: 1 - rate.low};

  // Bayes' rule; the interval of the ratio of rates is MOVER-R, Donner and Zou, Stat Methods Med Res 2012;21:347.
  function atOdds(right, wrong, odds, hasInterval) {
    if (!right || !wrong || (!right.value && !wrong.value)) return null;
    const value = odds * right.value / (odds * right.value + wrong.value);
    if (!hasInterval) return {value};
    const a = right.value, b = wrong.value;
    const least = right.low * (2 * a - right.low), most = right.high * (2 * a - right.high);
    const widest = wrong.high * (2 * b - wrong.high), narrowest = wrong.low * (2 * b - wrong.low);
    const low = least > 0 ? least / (a * b + Math.sqrt(Math.max((a * b) ** 2 - least * widest, 0))) : 0;
    const high = narrowest > 0 ? (a * b + Math.sqrt(Math.max((a * b) ** 2 - most * narrowest, 0))) / narrowest : Infinity;
    const [first, last] = [low, high].map((ratio) => ratio === Infinity ? 1 : odds * ratio / (odds * ratio + 1));
    return {value, low: Math.min(first, value), high: Math.max(last, value)};
  }

  function judge(facts, model, group, threshold, prevalence) {
    const {positive, z, fewest} = facts, scores = facts.probabilities[model];
    const members = group ? group.members : positive.keys();
    let [found, missed, alarms, spared] = [0, 0, 0, 0];
    for (const patient of members) {
      const called = scores[patient] >= threshold;
      if (positive[patient]) called ? found++ : missed++;
      else called ? alarms++ : spared++;
    }
    const having = found + missed, free = alarms + spared, all = having + free;
    const sensitivity = share(found, having, z), specificity = share(spared, free, z);
    const odds = prevalence / (1 - prevalence), hasInterval = Math.min(having, free) >= fewest;
    return {
      found, missed, alarms, spared, having, free, all, sensitivity, specificity,
      ppv: share(found, found + alarms, z), npv: share(spared, missed + spared, z), accuracy: share(found + spared, all, z),
      ppvThere: atOdds(sensitivity, otherSide(specificity), odds, hasInterval),
      npvThere: atOdds(specificity, otherSide(sensitivity), 1 / odds, hasInterval),
      benefit: threshold < 1 ? {value: (found - alarms * threshold / (1 - threshold)) / all} : null,
    };
  }

  // ---- elements ---------------------------------------------------------------------------------------------

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const written = (number) => number.toFixed(DIGITS).replace(/^-(0\.0*)$/, "$1");

  function row(name, key, number, of) {
    const cell = make("td", {"data-key": key}, number ? written(number.value) : "–");
    if (number) {
      cell.dataset.value = number.value;
      if (number.low !== undefined) {
        Object.assign(cell.dataset, {low: number.low, high: number.high});
        cell.append(" ", make("small", {}, `${written(number.low)}-${written(number.high)}`));
      }
    }
    return make("tr", {}, make("th", {scope: "row"}, name), cell, make("td", {class: "text"}, of));
  }

  function table(title, heads, rows) {
    const top = make("tr", {}, ...heads.map((head, i) => make("th", {scope: "col", ...(i === 2 ? {class: "text"} : {})}, head)));
    return make("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": title},
      make("table", {}, make("thead", {}, top), make("tbody", {}, ...rows)));
  }

  function chooser(label, names) {
    const options = names.map((name, value) => make("option", {value}, name)), select = make("select", {}, ...options);
    return {label: make("label", {}, `${label} `, select), select};
  }

  // ---- one explorer -----------------------------------------------------------------------------------------

  function open(host) {
    const facts = JSON.parse(host.dataset.facts);
    const slider = make("input", {type: "range", min: 0, max: 1, step: 0.005, "aria-label": "Threshold, as a slider"});
    const threshold = make("input", {type: "number", min: 0, max: 1, step: "any"});
    const prevalence = make("input", {type: "number", min: 0.1, max: 99.9, step: "any"});
    const model = chooser("Model", facts.models);
    const group = chooser("Patients", [EVERYBODY, ...facts.groups.map((one) => `${one.covariate}: ${one.name}`)]);
    const back = make("button", {type: "button"}, "Back to the start");
    const result = make("div", {"aria-live": "polite"}), fault = make("p", {class: "alarm", role: "status"});
    const inputs = [slider, threshold, prevalence, model.select, group.select];

    function start() {
      slider.value = threshold.value = facts.threshold;
      prevalence.value = facts.prevalence;
      model.select.value = group.select.value = 0;
      show();
    }

    function show() {
      const at = Number(threshold.value), share = Number(prevalence.value) / 100;
      const isWhole = threshold.value !== "" && at >= 0 && at <= 1 && share > 0 && share < 1;
      fault.textContent = isWhole ? "" : "Give a threshold from 0 to 1 and a prevalence between 0 and 100 %, such as 0.25 and 12.5.";
      if (!isWhole) return;
      const chosen = facts.groups[group.select.value - 1];
      const one = judge(facts, model.select.value, chosen, at, share);
      const auroc = (chosen || facts).auroc[model.select.value];
      const there = `at a prevalence of ${prevalence.value} %`;
      const called = one.found + one.alarms;
      result.replaceChildren(
        table("Decisions", ["", `Called ${facts.positiveName}`, "Not called so"], [
          make("tr", {}, make("th", {scope: "row"}, make("bdi", {}, facts.positiveName)), make("td", {"data-count": "found"}, one.found),
            make("td", {class: "text", "data-count": "missed"}, one.missed)),
          make("tr", {}, make("th", {scope: "row"}, make("bdi", {}, facts.negativeName)), make("td", {"data-count": "alarms"}, one.alarms),
            make("td", {class: "text", "data-count": "spared"}, one.spared))]),
        table("Numbers with 95 % intervals", ["", "Value and 95 % interval", "Counted"], [
          row("Sensitivity", "sensitivity", one.sensitivity, `${one.found} of ${one.having}`),
          row("Specificity", "specificity", one.specificity, `${one.spared} of ${one.free}`),
          row("PPV in these patients", "ppv", one.ppv, `${one.found} of ${called}`),
          row("NPV in these patients", "npv", one.npv, `${one.spared} of ${one.all - called}`),
          row(`PPV ${there}`, "ppvThere", one.ppvThere, "from sensitivity and specificity, by Bayes’ rule"),
          row(`NPV ${there}`, "npvThere", one.npvThere, "from sensitivity and specificity, by Bayes’ rule"),
          row("Accuracy", "accuracy", one.accuracy, `${one.found + one.spared} of ${one.all}`),
          row("Net benefit per patient", "benefit", one.benefit, "with the threshold as the risk to act upon"),
          row("AUROC", "auroc", auroc, "at every threshold the same")]));
    }

    slider.addEventListener("input", () => { threshold.value = slider.value; show(); });
    threshold.addEventListener("input", () => { slider.value = threshold.value; show(); });
    for (const input of inputs.slice(2)) input.addEventListener("input", show);
    back.addEventListener("click", start);
    host.replaceChildren(
      make("div", {class: "controls"}, make("label", {}, "Threshold ", threshold), slider,
        make("label", {}, "Prevalence in % ", prevalence), group.label, ...(facts.models.length > 1 ? [model.label] : []), back),
      fault, result);
    start();
  }

  for (const host of document.querySelectorAll(".explorer")) open(host);
})();
