"use strict";
{
  // How much heat maps cover their pictures.
  const slider = document.querySelector(".opacity input");
  if (slider) {
    const output = document.querySelector(".opacity output");
    const show = () => {
      document.documentElement.style.setProperty("--heat", slider.value / 100);
      output.textContent = `${slider.value} %`;
    };
    slider.addEventListener("input", show);
    // A reloaded page keeps the slider where it was.
    show();
    slider.closest("label").hidden = false;
  }

  // Escape puts a tooltip away until the pointer or the focus moves on.
  const quiet = (on) => document.body.classList.toggle("quiet", on);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") quiet(true);
  });
  // One at the edge of a narrow screen moves in.
  const moveIn = (word) => {
    const tip = word?.querySelector(".tip");
    if (!tip) return;
    tip.style.marginLeft = "";
    const { left, right } = tip.getBoundingClientRect();
    const room = 8;
    const edge = document.documentElement.clientWidth - room;
    tip.style.marginLeft = `${Math.max(room - left, Math.min(0, edge - right))}px`;
  };
  for (const event of ["pointerover", "focusin"]) {
    document.addEventListener(event, ({ target }) => {
      quiet(false);
      moveIn(target.closest(".word"));
    });
  }
}
