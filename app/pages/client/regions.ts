import { Idiomorph } from "idiomorph";

/**
 * Puts what the server sent into the regions of the page. Only what differs is touched, so that the focus, a
 * selection and the place that someone has scrolled to stay.
 */
export function showRegions(regions: Record<string, string>): void {
  for (const [name, markup] of Object.entries(regions)) {
    const region = document.querySelector(`[data-region="${CSS.escape(name)}"]`);
    if (region) void Idiomorph.morph(region, markup, { morphStyle: "innerHTML" });
  }
}
