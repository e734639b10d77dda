"""Gasolinera JSM: a digital coupon platform for petrol-station chains."""
