// What @vercel/sdk builds its schemas from, without its forgiveness: there a missing string becomes "", a missing
// number 0 and a wrong word is let through.
import * as z from 'zod/v3';

export const string = () => z.string();
export const boolean = () => z.boolean();
export const number = () => z.number();
export const bigint = () => z.bigint();
export const date = () => z.coerce.date();
export const literal = (value) => z.literal(value);
export const optional = (t) => t.optional();
export const nullable = (t) => z.union([z.null(), t]);
export const smartUnion = (options) => z.union(options);
