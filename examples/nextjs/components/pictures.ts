import type { StaticImageData } from "next/image";
import chair from "@/assets/chair.png";
import clock from "@/assets/clock.png";
import kettle from "@/assets/kettle.png";
import lamp from "@/assets/lamp.png";
import mug from "@/assets/mug.png";
import notebook from "@/assets/notebook.png";
import plant from "@/assets/plant.png";

/** pictures gives the picture of each product by its slug. */
export const pictures: Readonly<Record<string, StaticImageData>> = { chair, clock, kettle, lamp, mug, notebook, plant };
