/** Below it is the control interface. */
export const prefix = "/_simulator"
