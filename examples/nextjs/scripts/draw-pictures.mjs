// Draws the shop's pictures, so that nobody's photo is needed: node scripts/draw-pictures.mjs
import sharp from "sharp";

const ink = "#2b3238";
const goods = {
  mug: [
    "#dfe8e2",
    `<path d="M270 200h220v190a40 40 0 0 1-40 40H310a40 40 0 0 1-40-40z" fill="#1f6f5c"/><path d="M490 240h30a55 55 0 0 1 0 110h-30" fill="none" stroke="#1f6f5c" stroke-width="24"/><path d="M330 170c-20-30 20-40 0-75M390 170c-20-30 20-40 0-75" fill="none" stroke="#fff" stroke-width="12" stroke-linecap="round"/>`,
  ],
  lamp: [
    "#efe6d2",
    `<path d="M300 470h200v22H300z" fill="${ink}"/><path d="M400 470L330 300l130-120" fill="none" stroke="${ink}" stroke-width="16"/><path d="M430 120l110 90-90 60z" fill="#d9822b"/><path d="M500 245l140 225H380z" fill="#ffd98a" opacity=".55"/>`,
  ],
  clock: [
    "#e4e3ee",
    `<circle cx="400" cy="300" r="180" fill="#fff" stroke="${ink}" stroke-width="18"/><path d="M400 300V185M400 300l75 50" stroke="${ink}" stroke-width="14" stroke-linecap="round"/><circle cx="400" cy="300" r="12" fill="#a6431f"/>`,
  ],
  chair: [
    "#f0e3da",
    `<path d="M300 110h28v400h-28zM300 130h190v28H300zM300 200h190v28H300zM300 310h220v34H300zM492 310h28v200h-28zM462 110h28v200h-28z" fill="#9a6a3c"/>`,
  ],
  plant: [
    "#e2ecd9",
    `<path d="M310 360h180l-25 140H335z" fill="#b4572f"/><path d="M400 360C330 300 300 210 330 120c60 50 80 140 70 240zM400 360c70-40 140-110 150-190-80 10-140 80-150 190zM400 360c-70-20-150-60-170-130 80-10 150 50 170 130z" fill="#3d7f4e"/>`,
  ],
  notebook: [
    "#dce6ef",
    `<rect x="280" y="120" width="240" height="360" rx="10" fill="#2f5d8a"/><rect x="280" y="120" width="46" height="360" fill="#234667"/><path d="M355 200h125M355 235h80" stroke="#fff" stroke-width="12"/><rect x="478" y="120" width="12" height="360" fill="#e2b13c"/>`,
  ],
  kettle: [
    "#f3dcd2",
    `<path d="M270 440c0-140 40-220 130-220s130 80 130 220z" fill="#a6431f"/><path d="M520 330l95-80 18 22-90 110z" fill="#a6431f"/><path d="M310 235c10-120 170-120 180 0" fill="none" stroke="${ink}" stroke-width="20"/><circle cx="400" cy="208" r="18" fill="${ink}"/><path d="M640 225c25-15 5-40 30-55" fill="none" stroke="#fff" stroke-width="12" stroke-linecap="round"/>`,
  ],
};

const png = (svg, file) => sharp(Buffer.from(svg)).png({ palette: true, colors: 64, compressionLevel: 9 }).toFile(file);

for (const [name, [back, shape]] of Object.entries(goods)) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"><rect width="800" height="600" fill="${back}"/><ellipse cx="400" cy="500" rx="230" ry="22" fill="#000" opacity=".08"/>${shape}</svg>`;
  await png(svg, `assets/${name}.png`);
}

const boat = (x, y, s, sail) =>
  `<g transform="translate(${x} ${y}) scale(${s})"><path d="M-70 0H70L45 34H-45z" fill="${ink}"/><path d="M0-130V0" stroke="${ink}" stroke-width="6"/><path d="M6-128L66-12H6z" fill="${sail}"/></g>`;
await png(
  `<svg xmlns="http://www.w3.org/2000/svg" width="1920" height="640"><defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#f6d9b8"/><stop offset="1" stop-color="#e8a27c"/></linearGradient></defs><rect width="1920" height="640" fill="url(#s)"/><circle cx="1380" cy="330" r="110" fill="#fff3d6"/><rect y="400" width="1920" height="240" fill="#2f6f7a"/><path d="M0 470h1920M0 540h1920" stroke="#fff" opacity=".18" stroke-width="5"/>${boat(420, 430, 1.7, "#fff")}${boat(860, 400, 1, "#a6431f")}${boat(1560, 440, 1.3, "#fff")}</svg>`,
  "public/harbor.png",
);
