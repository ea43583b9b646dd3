// The default theme without its web font, which the pages would have to load first.
import DefaultTheme from "vitepress/theme-without-fonts";

import "./style.css";

export default DefaultTheme;
