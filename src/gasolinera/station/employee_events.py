"""What this service tells others about an employment."""

from gasolinera.database import Connection
from gasolinera.events import Outbox
from gasolinera.station import queries_employees
from gasolinera.station.models_employees import Employee

OUTBOX = Outbox("station_schema")


async def publish_employee_changed(conn: Connection, employee: Employee) -> None:
    """In the transaction of the change, which holds the employment's row: so versions are in the order of changes."""
    await OUTBOX.publish(
        conn,
        "employee.changed",
        aggregate="employee",
        subject=employee.employee_number,
        data={
            "employee_number": employee.employee_number,
            "user_id": str(employee.user_id),
            "station_code": employee.station_code,
            "role": employee.role.value,
            "permissions": employee.permissions,
            "active": employee.is_active,
            "version": await queries_employees.next_employment_version(conn),
        },
    )
