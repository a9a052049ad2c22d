/** The package's version, as commits tell it. A test holds it equal to package.json's. */
export const ENGINE_VERSION = '0.1.0';

/** What `commitInfo.engineInfo` says of commits made here. */
export const ENGINE_INFO = `Sluice/${ENGINE_VERSION}`;
