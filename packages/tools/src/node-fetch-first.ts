/** Has Node load the undici of its own `fetch`: whichever undici comes first is that of every `fetch` in the process. */
void globalThis.Response;
