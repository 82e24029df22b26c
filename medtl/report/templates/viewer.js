// The viewer of a volume with its map: three planes and one cross-hair, from data that the page itself carries.
//
// In: every element of class "viewer", with the facts of a small copy of the volume (JSON) and two mosaics of it
// (8-bit grey PNG). Out: the element filled, and the sheet of slices put away until it is asked for or printed.
// Where anything fails, the sheet of slices stays and a sentence says why. Indices run along (right, anterior,
// superior); whole numbers are centres of voxels. Nothing is fetched, and text is only ever written as text.
"use strict";
(() => {
  const PLANES = [
    {name: "Axial", key: "axial", normal: 2, across: 0, down: 1, edges: ["R", "L", "A", "P"]},
    {name: "Coronal", key: "coronal", normal: 1, across: 0, down: 2, edges: ["R", "L", "S", "I"]},
    {name: "Sagittal", key: "sagittal", normal: 0, across: 1, down: 2, edges: ["A", "P", "S", "I"]},
  ]; // columns run towards left or posterior, rows towards posterior or inferior, as films are hung
  const LETTERS = [["L", "R"], ["P", "A"], ["I", "S"]];
  const WINDOWS = {"As stored": [0, 255], "Wide": [-64, 319], "Narrow": [64, 191]}; // black and white of the 8 bits
  const TRANSPARENT_BELOW = 51; // 0.2 of 255, as on the sheet
  const HIGHEST_PX = 460, STACKED_BELOW_PX = 560, GAP_PX = 3, HATCH_PX = 5, FREE_PX = 9, WHEEL_PX = 40;
  const KEYS = "Arrow keys move the cross-hair, page up and page down change the slice.";
  const HELP = "Click or drag to move the cross-hair. On a selected plane the arrow keys move it, and page up, page " +
    "down or the wheel change the slice.";
  const OBLIQUE = " The scan is oblique: positions above the sliders are along the slice axes, the one of the " +
    "cross-hair is the scanner's.";

  const between = (value, low, high) => Math.min(Math.max(value, low), high);

  // ---- data -------------------------------------------------------------------------------------------------

  async function pixelsOf(image, width, height) {
    await image.decode();
    const canvas = make("canvas", {width, height}), brush = canvas.getContext("2d", {willReadFrequently: true});
    if (!brush) throw new Error("this browser draws no canvas");
    brush.drawImage(image, 0, 0);
    return brush.getImageData(0, 0, width, height).data;
  }

  // A mosaic as a volume. A browser that alters pictures, for privacy or by colour management, fails the checksum.
  async function volumeOf(uri, {shape: [right, anterior, superior], columns}, checksum) {
    const width = columns * right, height = Math.ceil(superior / columns) * anterior;
    const rgba = await pixelsOf(make("img", {src: uri}), width, height);
    let low = 1, high = 0; // Adler-32, RFC 1950
    for (let p = 0; p < rgba.length; p += 4) {
      low = (low + rgba[p]) % 65521;
      high = (high + low) % 65521;
    }
    if (high * 65536 + low !== checksum) throw new Error("this browser alters the pixels of pictures");
    const volume = new Uint8Array(right * anterior * superior);
    for (let s = 0, v = 0; s < superior; s++) {
      const last = (Math.floor(s / columns) + 1) * anterior * width - width + ((s % columns) + 1) * right - 1;
      for (let a = 0; a < anterior; a++) {
        for (let r = 0; r < right; r++, v++) volume[v] = rgba[4 * (last - a * width - r)];
      }
    }
    return volume;
  }

  function lettered(axis, mm) {
    const rounded = Math.round(mm * 10) / 10;
    return `${LETTERS[axis][rounded >= 0 ? 1 : 0]} ${Math.abs(rounded).toFixed(1)}`;
  }

  // ---- elements ---------------------------------------------------------------------------------------------

  function make(tag, attributes, ...children) {
    const space = ["svg", "polygon", "polyline", "line"].includes(tag) ? "2000/svg" : "1999/xhtml";
    const element = document.createElementNS(`http://www.w3.org/${space}`, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function makePlane(plane, count) {
    const canvas = make("canvas", {tabindex: 0, role: "application", "aria-label": `${plane.name} plane. ${KEYS}`});
    const slider = make("input", {type: "range", min: 0, max: count - 1, step: 1, "aria-label": `${plane.name} slice`});
    const place = make("span", {class: "place"});
    const element = make("div", {class: "plane"}, make("div", {class: "pane"}, canvas),
      make("div", {class: "slider"}, make("p", {}, `${plane.name} `, place), slider));
    return {...plane, element, canvas, slider, place, wheel: 0};
  }

  function makeControls() {
    const shades = make("select", {}, ...Object.keys(WINDOWS).map((name) => make("option", {}, name)));
    const shown = make("input", {type: "checkbox", checked: ""}), percent = make("span", {class: "percent"});
    const opacity = make("input", {type: "range", min: 0, max: 100, step: 5, value: 45});
    const strongest = make("button", {type: "button"}, "Strongest point");
    const element = make("div", {class: "controls"}, make("label", {}, shown, " Map"),
      make("label", {}, "Opacity ", opacity, " ", percent), make("label", {}, "Window ", shades), strongest);
    return {element, shades, shown, opacity, percent, strongest};
  }

  // The weights of the slices as a curve that can be clicked; the slider of its plane does the same by keys.
  function makeCurve({values, indices, positions_mm: places}, plane, count) {
    const most = Math.max(...values), heaviest = lettered(plane.normal, places[values.indexOf(most)]);
    const x = (index) => (((index + 0.5) / count) * 1000).toFixed(1);
    const points = values.map((value, i) => `${x(indices[i])},${(98 - (value / (most || 1)) * 92).toFixed(1)}`);
    const around = [`${x(indices[0])},98`, ...points, `${x(indices[indices.length - 1])},98`];
    const here = make("line", {class: "here", y1: 0, y2: 100});
    const drawing = make("svg", {viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img",
      "aria-label": `Attention over ${plane.key} slices, largest at ${heaviest} mm`},
    make("polygon", {class: "area", points: around.join(" ")}),
    make("polyline", {class: "line", points: points.join(" ")}), here);
    const [from, to] = LETTERS[plane.normal];
    const title = make("p", {}, `Attention over ${plane.key} slices, from ${from} to ${to}`);
    const show = (index) => ["x1", "x2"].forEach((end) => here.setAttribute(end, x(index)));
    return {element: make("div", {class: "attention"}, title, drawing), drawing, show};
  }

  // ---- drawing ----------------------------------------------------------------------------------------------

  // Fine slanting lines over what the network did not see; `box` is what it saw, or null for nothing.
  function hatch(brush, box, width, height) {
    brush.save();
    brush.beginPath();
    brush.rect(0, 0, width, height);
    if (box) brush.rect(...box);
    brush.clip("evenodd");
    brush.beginPath();
    for (let start = -height; start < width; start += HATCH_PX) {
      brush.moveTo(start, height);
      brush.lineTo(start + height, 0);
    }
    [brush.strokeStyle, brush.lineWidth] = ["rgba(150, 150, 150, 0.6)", 0.8];
    brush.stroke();
    brush.restore();
  }

  // Lines that leave the place itself free.
  function cross(brush, x, y, width, height) {
    brush.beginPath();
    for (const [from, to] of [[0, x - FREE_PX], [x + FREE_PX, width]]) {
      if (from < to) brush.moveTo(from, y), brush.lineTo(to, y);
    }
    for (const [from, to] of [[0, y - FREE_PX], [y + FREE_PX, height]]) {
      if (from < to) brush.moveTo(x, from), brush.lineTo(x, to);
    }
    for (const look of [["rgba(0, 0, 0, 0.55)", 3], ["rgba(255, 255, 255, 0.85)", 1]]) {
      [brush.strokeStyle, brush.lineWidth] = look;
      brush.stroke();
    }
  }

  function letters(brush, edges, width, height) {
    const places = [[5, height / 2, "left"], [width - 5, height / 2, "right"], [width / 2, 12, "center"],
      [width / 2, height - 11, "center"]];
    Object.assign(brush, {font: "600 12px system-ui, sans-serif", textBaseline: "middle", lineWidth: 3,
      strokeStyle: "#000", fillStyle: "#fff"});
    places.forEach(([x, y, align], edge) => {
      brush.textAlign = align;
      brush.strokeText(edges[edge], x, y);
      brush.fillText(edges[edge], x, y);
    });
  }

  // ---- one viewer -------------------------------------------------------------------------------------------

  async function open(host, colours) {
    const facts = JSON.parse(host.dataset.facts), {shape, affine, seen_box: box} = facts;
    const scan = await volumeOf(host.dataset.scan, facts, facts.checksums.scan);
    const map = await volumeOf(host.dataset.map, facts, facts.checksums.map);
    const strides = [1, shape[0], shape[0] * shape[1]];
    const planes = PLANES.map((plane) => makePlane(plane, shape[plane.normal])), controls = makeControls();
    const stage = make("div", {class: "planes"}, ...planes.map((plane) => plane.element));
    const readout = make("p", {class: "readout", role: "status", "aria-live": "polite"});
    const isOblique = (plane) => facts.oblique.includes(plane.key);
    const weighted = facts.slice_weights && planes.find((plane) => plane.key === facts.slice_weights.plane);
    const curve = weighted && makeCurve(facts.slice_weights, weighted, shape[weighted.normal]);
    let cursor = facts.peak || shape.map((count) => (count - 1) / 2);

    const voxel = (axis) => between(Math.round(cursor[axis]), 0, shape[axis] - 1);
    const isSeen = (axis) => !box || (voxel(axis) >= box[axis][0] && voxel(axis) <= box[axis][1]);

    function move(changes) {
      cursor = cursor.map((old, axis) => between(axis in changes ? changes[axis] : old, -0.5, shape[axis] - 0.5));
      show();
    }

    function slicePicture({across, down, normal}) {
      const width = shape[across], height = shape[down], [black, white] = WINDOWS[controls.shades.value];
      const opacity = controls.shown.checked ? Number(controls.opacity.value) / 100 : 0;
      const picture = new ImageData(width, height), first = voxel(normal) * strides[normal];
      for (let y = height - 1, p = 0; y >= 0; y--) {
        for (let x = width - 1; x >= 0; x--, p += 4) {
          const v = first + x * strides[across] + y * strides[down];
          const grey = between(((scan[v] - black) / (white - black)) * 255, 0, 255);
          const share = map[v] >= TRANSPARENT_BELOW ? opacity : 0;
          for (let c = 0; c < 3; c++) picture.data[p + c] = grey * (1 - share) + colours[4 * map[v] + c] * share;
          picture.data[p + 3] = 255;
        }
      }
      return picture;
    }

    function paint(plane) {
      const {canvas, across, down, normal} = plane, brush = canvas.getContext("2d");
      const width = parseFloat(canvas.style.width), height = parseFloat(canvas.style.height);
      const small = make("canvas", {width: shape[across], height: shape[down]});
      small.getContext("2d").putImageData(slicePicture(plane), 0, 0);
      brush.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
      brush.imageSmoothingQuality = "high";
      brush.drawImage(small, 0, 0, width, height);
      const x = (place) => ((shape[across] - 0.5 - place) / shape[across]) * width;
      const y = (place) => ((shape[down] - 0.5 - place) / shape[down]) * height;
      if (box) {
        const [[r0, r1], [d0, d1]] = [box[across], box[down]];
        hatch(brush, isSeen(normal) && [x(r1), y(d1), x(r0) - x(r1), y(d0) - y(d1)], width, height);
      }
      cross(brush, x(cursor[across]), y(cursor[down]), width, height);
      letters(brush, plane.edges, width, height);
    }

    function show() {
      const v = voxel(0) + voxel(1) * strides[1] + voxel(2) * strides[2];
      const mm = [0, 1, 2].map((row) => lettered(row, affine[row][3] +
        cursor.reduce((sum, place, axis) => sum + affine[row][axis] * place, 0)));
      const values = `scan ${scan[v]} of 255 · map ${(map[v] / 255).toFixed(2)}`;
      const unseen = [0, 1, 2].every(isSeen) ? "" : " · not seen by the network";
      readout.textContent = `${mm.join(", ")} mm · ${values}${unseen}`;
      controls.percent.textContent = `${controls.opacity.value} %`;
      for (const plane of planes) {
        const [start, step] = facts.along_mm[plane.key], index = voxel(plane.normal), count = shape[plane.normal];
        const place = `${lettered(plane.normal, start + step * cursor[plane.normal])} mm`;
        plane.slider.value = index;
        plane.slider.setAttribute("aria-valuetext",
          `${place}${isOblique(plane) ? " along the slice axis" : ""}, slice ${index + 1} of ${count}`);
        plane.place.textContent = `${place} · ${index + 1}/${count}`;
        paint(plane);
      }
      if (curve) curve.show(voxel(weighted.normal));
    }

    // One scale for all three planes, side by side where there is room.
    function layOut() {
      const room = stage.clientWidth, stacked = room < STACKED_BELOW_PX;
      const extent = shape.map((count, axis) => count * facts.spacing_mm[axis]);
      const widths = planes.map((plane) => extent[plane.across]), heights = planes.map((plane) => extent[plane.down]);
      const side_by_side = (room - 2 * GAP_PX) / (widths[0] + widths[1] + widths[2]);
      const fitting = stacked ? room / Math.max(...widths) : side_by_side;
      const scale = Math.min(fitting, HIGHEST_PX / Math.max(...heights));
      const ratio = Math.min(window.devicePixelRatio || 1, 3);
      stage.classList.toggle("stacked", stacked);
      planes.forEach(({canvas, element}, number) => {
        const size = [widths[number] * scale, heights[number] * scale];
        [canvas.style.width, canvas.style.height] = size.map((px) => `${px.toFixed(2)}px`);
        [canvas.width, canvas.height] = size.map((px) => Math.max(1, Math.round(px * ratio)));
        canvas.parentElement.style.height = `${Math.ceil(stacked ? size[1] : Math.max(...heights) * scale)}px`;
        element.style.flex = stacked ? "none" : `${widths[number]} 1 0`;
      });
      show();
    }

    // Clicking and dragging with a mouse, a pen or a finger; `place` takes shares of the element's width and height.
    function pointing(element, place) {
      const pointed = (event) => {
        const frame = element.getBoundingClientRect();
        move(place((event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height));
      };
      element.addEventListener("pointerdown", (event) => {
        element.setPointerCapture(event.pointerId);
        pointed(event);
      });
      element.addEventListener("pointermove", (event) => event.buttons && pointed(event));
    }

    function listen(plane) {
      const {canvas, across, down, normal, slider} = plane;
      const steps = {ArrowLeft: [across, 1], ArrowRight: [across, -1], ArrowUp: [down, 1], ArrowDown: [down, -1],
        PageUp: [normal, 1], PageDown: [normal, -1]};
      pointing(canvas, (x, y) => ({[across]: shape[across] * (1 - x) - 0.5, [down]: shape[down] * (1 - y) - 0.5}));
      canvas.addEventListener("keydown", (event) => {
        if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        const [axis, by] = steps[event.key];
        move({[axis]: voxel(axis) + by});
      });
      canvas.addEventListener("wheel", (event) => {
        if (document.activeElement !== canvas || event.ctrlKey) return; // else the page scrolls
        event.preventDefault();
        plane.wheel += event.deltaY * (event.deltaMode ? WHEEL_PX : 1);
        const turned = Math.trunc(plane.wheel / WHEEL_PX);
        plane.wheel -= turned * WHEEL_PX;
        if (turned) move({[normal]: voxel(normal) - turned});
      }, {passive: false});
      slider.addEventListener("input", () => move({[normal]: Number(slider.value)}));
    }

    planes.forEach(listen);
    for (const control of [controls.shades, controls.shown, controls.opacity]) control.addEventListener("input", show);
    controls.strongest.disabled = !facts.peak;
    controls.strongest.addEventListener("click", () => move({...facts.peak}));
    if (curve) pointing(curve.drawing, (x) => ({[weighted.normal]: Math.round(shape[weighted.normal] * x - 0.5)}));
    host.setAttribute("role", "group");
    host.setAttribute("aria-label", `Viewer of ${host.dataset.name}`);
    host.append(stage, ...(curve ? [curve.element] : []), controls.element, readout,
      make("p", {class: "note"}, HELP + (planes.some(isOblique) ? OBLIQUE : "")));
    exchange(host, layOut);
    new ResizeObserver(() => host.hidden || layOut()).observe(stage);
  }

  // Two buttons above the figure: the viewer or the sheet of slices. On paper there is always the sheet.
  function exchange(host, layOut) {
    const figure = host.closest("figure");
    const buttons = ["Viewer", "Slices"].map((name) => make("button", {type: "button"}, name));
    const choose = (chosen) => {
      host.hidden = chosen !== buttons[0];
      if (!host.hidden) layOut();
      figure.classList.toggle("opened", !host.hidden);
      buttons.forEach((button) => button.setAttribute("aria-pressed", button === chosen));
    };
    buttons.forEach((button) => button.addEventListener("click", () => choose(button)));
    choose(buttons[0]); // first: where it fails, nothing on the page has changed
    figure.prepend(make("div", {class: "switch", role: "group", "aria-label": "How to look at it"}, ...buttons));
  }

  async function start() {
    for (const host of document.querySelectorAll(".viewer")) {
      try {
        await open(host, await pixelsOf(document.querySelector(".colourbar img"), 256, 1));
      } catch (error) {
        host.hidden = true;
        host.replaceChildren();
        host.after(make("p", {class: "note failed"}, `The viewer could not start: ${error.message}. The slices stay.`));
      }
    }
  }

  start();
})();
