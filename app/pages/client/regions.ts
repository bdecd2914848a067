import { Idiomorph } from "idiomorph";

/**
 * Updates the regions of the page. It changes only what differs, so that focus, selection and scroll position
 * stay.
 */
export function showRegions(regions: Record<string, string>): void {
  for (const [name, markup] of Object.entries(regions)) {
    const region = document.querySelector(`[data-region="${CSS.escape(name)}"]`);
    if (region) void Idiomorph.morph(region, markup, { morphStyle: "innerHTML" });
  }
}
