// <axme-task src="LINK"></axme-task> shows the page of a task as high as it is, and fires "ready" and "answered".
class AxmeTask extends HTMLElement {
  connectedCallback() {
    const link = new URL(this.getAttribute("src"), document.baseURI);
    const frame = document.createElement("iframe");
    frame.src = link.href;
    frame.title = this.getAttribute("label") ?? "Task";
    frame.style.cssText = "width: 100%; border: 0";
    this.listen = ({ source, origin, data }) => {
      // Only the page of the task itself is believed.
      if (source !== frame.contentWindow || origin !== link.origin) return;
      const [, name] = /^axme:(ready|height|answered)$/.exec(data?.type) ?? [];
      if (name === "height") frame.style.height = `${data.height}px`;
      else if (name) this.dispatchEvent(new CustomEvent(name, { detail: data, bubbles: true }));
    };
    window.addEventListener("message", this.listen);
    this.replaceChildren(frame);
  }

  disconnectedCallback() {
    window.removeEventListener("message", this.listen);
  }
}

customElements.define("axme-task", AxmeTask);
