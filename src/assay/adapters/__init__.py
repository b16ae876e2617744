"""The real world behind the ports. Only here and in `stores` is anything read or started."""
