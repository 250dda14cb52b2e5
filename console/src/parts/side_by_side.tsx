// A table with a column for each variant.

import type { ComponentChildren } from "preact";

/** `children` are its rows: a row header, the canary's cell and stable's. */
export const SideBySide = ({ children }: { children: ComponentChildren }) => (
  <div class="table-wrap">
    <table>
      <thead>
        <tr><th scope="col"><span class="hidden-text">Number</span></th><th scope="col"><i class="swatch" />canary</th><th scope="col"><i class="swatch stable" />stable</th></tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);
