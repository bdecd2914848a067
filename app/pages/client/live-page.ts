/** Keeps a page as the instances are. */
document.documentElement.dataset.scripted = "";

export {};
