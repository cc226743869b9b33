export { VercelCore } from '@vercel/sdk/core.js';
export { HTTPClient } from '@vercel/sdk/lib/http.js';
